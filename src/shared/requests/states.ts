/**
 * The life of a request as one pure table. The Lua script (`transition-script.ts`) is handed its allowed predecessors and
 * effects from here; the docs and the protocol model (`test/unit/protocol/protocol-model.test.ts`) read the same rows.
 */

export const STATES = [
  'planned',
  'submitting',
  'submitted',
  'generated',
  'rendering',
  'delivered',
  'failed',
  'held',
  'unknown',
  'cancelled',
] as const;

export type State = (typeof STATES)[number];

/**
 * The record's time to live runs. A user leads out of it; of `failed` also the paid picture that can be had at last.
 */
export const AT_REST = ['delivered', 'failed', 'cancelled'] as const satisfies readonly State[];

/** A POST may be on its way or accepted, so the images are claimed: nobody else may ask for them. */
export const CLAIMING = ['submitting', 'submitted', 'unknown'] as const satisfies readonly State[];

/** The states in which a queue's job takes a record in hand. In any other one it only passes it on. */
export const WORKED_ON = {
  generate: ['planned', 'submitting'],
  collect: ['submitted', 'unknown'],
  render: ['generated', 'rendering'],
} as const satisfies Record<string, readonly State[]>;

export interface Transition {
  readonly from: readonly State[];
  readonly to: State;
  /**
   * What happens to the reservation: `take` it on every cap, `release` it, `book` (reserved becomes spent), or `keep`
   * it as it is (also where there is none).
   */
  readonly money: 'take' | 'release' | 'book' | 'keep';
  /**
   * `running`: refused while all submits are stopped or the batch is paused, held or cancelled. `booked`: refused while
   * money is reserved, or a delivered request could keep its reservation. `unbooked`: refused once the cost is booked,
   * or what was paid could be paid again.
   */
  readonly needs: 'running' | 'booked' | 'unbooked' | 'nothing';
  readonly meaning: string;
}

/** Every return to `planned` raises the round, and with it the job id and the name of the next intent. */
export const TRANSITIONS = {
  reserve: {
    from: ['planned'],
    to: 'submitting',
    money: 'take',
    needs: 'running',
    meaning: 'claim the images and reserve the dearest possible price on every cap',
  },
  confirm: {
    from: ['submitting'],
    to: 'submitting',
    money: 'keep',
    needs: 'running',
    meaning: 'the intent is written; last check before the POST',
  },
  release: {
    from: ['submitting'],
    to: 'planned',
    money: 'release',
    needs: 'nothing',
    meaning: 'certainly not accepted: no POST was sent, or fal said a definite no that is not final',
  },
  lose: {
    from: ['submitting', 'submitted'],
    to: 'unknown',
    money: 'keep',
    needs: 'unbooked',
    meaning: 'the answer to the POST was lost, or somebody else took the id',
  },
  accept: {
    from: ['submitting', 'unknown'],
    to: 'submitted',
    money: 'keep',
    needs: 'nothing',
    meaning: "fal's id is known, from its answer or found in its list",
  },
  absent: {
    from: ['unknown'],
    to: 'planned',
    money: 'release',
    needs: 'nothing',
    meaning: 'proven never accepted',
  },
  rerun: {
    from: ['submitted'],
    to: 'planned',
    money: 'release',
    needs: 'unbooked',
    meaning: 'the run failed unbilled or never started; a new request may be made',
  },
  book: {
    from: ['submitted'],
    to: 'submitted',
    money: 'book',
    needs: 'nothing',
    meaning: 'the ledger entry is written: reserved becomes spent',
  },
  store: {
    from: ['submitted'],
    to: 'generated',
    money: 'keep',
    needs: 'booked',
    meaning: 'the originals are stored',
  },
  adopt: {
    from: ['planned', 'held', 'submitting'],
    to: 'generated',
    money: 'release',
    needs: 'nothing',
    meaning: 'the originals exist already: nothing to pay',
  },
  attach: {
    from: ['planned', 'held'],
    to: 'submitted',
    money: 'take',
    needs: 'nothing',
    meaning: "fal's bill has this very picture: claim and reserve without asking for room, since it is paid",
  },
  hold: {
    from: ['planned'],
    to: 'held',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a cap leaves no room and nothing reserved could make any, or its endpoint is stopped',
  },
  unhold: {
    from: ['held'],
    to: 'planned',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a person resumed, room was made, or the stop of its endpoint was lifted',
  },
  render: {
    from: ['generated', 'rendering'],
    to: 'rendering',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a render child started',
  },
  deliver: {
    from: ['rendering'],
    to: 'delivered',
    money: 'keep',
    needs: 'nothing',
    meaning: 'every rendition is stored',
  },
  fail: {
    from: ['planned', 'submitting', 'submitted', 'generated', 'rendering'],
    to: 'failed',
    money: 'release',
    needs: 'nothing',
    meaning: 'final, with a code and a sentence',
  },
  cancel: {
    from: ['planned', 'held'],
    to: 'cancelled',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a person cancelled the batch before this was submitted',
  },
  withdraw: {
    from: ['submitted'],
    to: 'cancelled',
    money: 'release',
    needs: 'unbooked',
    meaning: "cancelled in fal's queue before it started, as its result confirms: not charged",
  },
  retry: {
    from: ['failed'],
    to: 'planned',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a person wants it tried again, and paid for again where fal charged the last run',
  },
  rerender: {
    from: ['failed'],
    to: 'generated',
    money: 'keep',
    needs: 'nothing',
    meaning: 'a person wants it tried again, and the originals exist: nothing to pay',
  },
  refetch: {
    from: ['rendering', 'failed'],
    to: 'submitted',
    money: 'keep',
    needs: 'booked',
    meaning: 'fal was paid for its picture, which is fetched again: claim it, and go on in the same round',
  },
} as const satisfies Record<string, Transition>;

export type TransitionName = keyof typeof TRANSITIONS;

export function isAtRest(state: State): boolean {
  return (AT_REST as readonly State[]).includes(state);
}

export function holdsClaims(state: State): boolean {
  return (CLAIMING as readonly State[]).includes(state);
}

/** Whether it claims images that the request does not have: refused (`claimed`) while another request has them. */
export function takesClaims(name: TransitionName): boolean {
  const { from, to } = TRANSITIONS[name];
  return holdsClaims(to) && !from.some(holdsClaims);
}

/** Whether this transition may leave from that state. */
export function allows(name: TransitionName, from: State): boolean {
  return (TRANSITIONS[name].from as readonly State[]).includes(from);
}
