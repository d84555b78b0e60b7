import type { MicroUsd } from '../base/money.ts';
import type { BatchEvent, IdTaken, Intent } from '../journal/objects.ts';
import type { Stop, Word } from './batches.ts';

/** What the names of a request's objects say, without a read of any of them. */
export interface RequestTraces {
  /** `pay`: fal is asked. `fetch`: fal had been paid. `reuse`: the originals existed when it was planned. */
  readonly kind: 'pay' | 'fetch' | 'reuse';
  readonly delivered: boolean;
  /** The round of the last final failure. */
  readonly failedRound: number | undefined;
  /** The last round that wrote an intent, or got an id of fal's without one (attached from fal's bill). */
  readonly sentRound: number | undefined;
  /** It is none of those that run first, and nobody has said yet that the others may (`waitsForProof`). */
  readonly waitsForProof?: boolean;
}

/** `doubt`: something was, or may have been, sent in this round, and has no end yet. */
export type Standing =
  | { readonly state: 'delivered' | 'failed' | 'cancelled' | 'planned' | 'generated' | 'held' }
  | { readonly state: 'doubt'; readonly round: number };

/**
 * How a request stands by the names alone. In doubt is every last intent without an end, also where fal said a definite
 * no to it: of that the store has no word, and to wait is dear only in time. `retriedRound`: the last one whose failure
 * a person wants tried again.
 */
export function standingByNames(
  { kind, delivered, failedRound, sentRound, waitsForProof = false }: RequestTraces,
  word: Word,
  retriedRound?: number,
): Standing {
  if (delivered) return { state: 'delivered' };
  if (sentRound !== undefined && sentRound > (failedRound ?? -1)) {
    return { state: 'doubt', round: sentRound };
  }
  if (failedRound !== undefined && failedRound > (retriedRound ?? -1)) return { state: 'failed' };
  if (kind === 'reuse') return { state: 'generated' };
  if (word === 'cancelled') return { state: 'cancelled' };
  // One that failed and is tried again is a person's own wish.
  return { state: waitsForProof && failedRound === undefined ? 'held' : 'planned' };
}

/** What is read of a request in doubt: few of a batch are. */
export interface Evidence {
  readonly intent: Pick<Intent, 'round' | 'reserved' | 'day'>;
  /** Ids of fal that this round got or that stand in the ledger for the request, with who took them. */
  readonly ids: readonly {
    readonly requestId: string;
    /** As it stands in keys. */
    readonly segment: string;
    readonly owner: Pick<IdTaken, 'batch' | 'row' | 'part' | 'round'> | undefined;
    /** Whether this round's own name for it is there. */
    readonly named: boolean;
  }[];
  /** The request's entries of the ledger. */
  readonly entries: readonly { readonly idSegment: string; readonly costMicroUsd: MicroUsd }[];
}

/** The id's owner is compared by the caller's own name, since evidence is of one request. */
export type Doubt =
  | { readonly state: 'unknown'; readonly reserved: MicroUsd; readonly day: string }
  | {
      readonly state: 'submitted';
      readonly requestId: string;
      readonly money:
        | { readonly kind: 'booked'; readonly cost: MicroUsd }
        | { readonly kind: 'reserved'; readonly reserved: MicroUsd; readonly day: string };
    };

/**
 * What a round in doubt is: `unknown` where no id is its own, to be looked for at fal before anything is sent again;
 * `submitted` where one is, whatever was done with it since: booking, fetching and storing are safe to repeat, so that
 * `collect` finds by itself what is left to do.
 */
export function settleDoubt(name: Pick<IdTaken, 'batch' | 'row' | 'part'>, evidence: Evidence): Doubt {
  const { intent, ids, entries } = evidence;
  const { reserved, day } = intent;
  const ours = ids.filter(
    ({ owner }) =>
      owner !== undefined &&
      owner.batch === name.batch &&
      owner.row === name.row &&
      owner.part === name.part &&
      owner.round === intent.round,
  );
  // A name whose id nobody took yet: the run broke off between the two.
  const [id] = ours.length > 0 ? ours : ids.filter(({ owner, named }) => owner === undefined && named);
  if (id === undefined) return { state: 'unknown', reserved, day };
  const entry = entries.find(({ idSegment }) => idSegment === id.segment);
  return {
    state: 'submitted',
    requestId: id.requestId,
    money:
      entry === undefined
        ? { kind: 'reserved', reserved, day }
        : { kind: 'booked', cost: entry.costMicroUsd },
  };
}

/**
 * The round in which a request goes on: one without doubt at once, one in doubt when it is planned again. After all that
 * were seen, and, since rounds that left no intent cannot be seen, after all that any earlier life of Redis can have
 * counted to: a run of then may yet write its intent, and the next rebuild takes the last one for what is under way.
 */
export function nextRound(seen: number | undefined, nowMs: number): number {
  return Math.max((seen ?? -1) + 1, Math.floor(nowMs / 1_000));
}

/** The last round of each request (`<row>.<part>`) whose failure a person wants tried again. */
export function retriedRounds(events: readonly BatchEvent[]): ReadonlyMap<string, number> {
  const rounds = new Map<string, number>();
  for (const event of events) {
    if (event.kind !== 'retry') continue;
    for (const one of event.failed) {
      const [member = '', round] = one.split('-');
      rounds.set(member, Math.max(rounds.get(member) ?? 0, Number(round)));
    }
  }
  return rounds;
}

/**
 * The batch's word and cap after all that people did to it. What a cap holds is held again by itself. That a person took
 * a request to be absent does not count: it was said of a record that may have been found since, and fal's list tells
 * again.
 */
export function wordAndCap(
  events: readonly BatchEvent[],
  cap: MicroUsd | undefined,
): {
  readonly word: Word;
  readonly cap: MicroUsd | undefined;
  /** Of a batch that its failures hold. */
  readonly hold: Extract<BatchEvent, { readonly kind: 'hold' }> | undefined;
} {
  let word: Word = 'running';
  let last = cap;
  let hold: Extract<BatchEvent, { readonly kind: 'hold' }> | undefined;
  for (const event of events) {
    if (event.kind === 'cap') last = event.cap;
    else if (event.kind === 'cancel') word = 'cancelled';
    else if (word === 'cancelled') continue;
    else if (event.kind === 'pause') word = 'paused';
    else if (event.kind === 'resume') word = 'running';
    else if (event.kind === 'hold') {
      word = 'held';
      hold = event;
    }
  }
  return { word, cap: last, hold: word === 'held' ? hold : undefined };
}

/** Whether a stop of before still holds. What a person did to all submits, the store knows better than Redis. */
export function isStillMeant({ code }: Stop, last: 'pause' | 'resume' | undefined): boolean {
  switch (code) {
    case 'balance':
    case 'key':
    case 'price_changed':
    case 'media_refused':
      return true;
    case 'operator':
      return last === 'pause';
    // The pictures that are still missing make it again.
    case 'media':
    case 'redis_lost':
    case 'rebuild':
      return false;
  }
}
