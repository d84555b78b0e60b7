import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';
import type { MicroUsd } from '../base/money.ts';
import { type Clock, dayOf, monthOf } from '../base/time.ts';
import { answersOf, flagOf, integerOf } from '../redis/answers.ts';
import type { Redis } from '../redis/redis.ts';
import { requestKeyOf } from '../store/keys.ts';
import { type CountedFailure, type countedOn, ENDS_ROW, exampleOf } from './failing.ts';
import { type Outcome, outcome, woken } from './outcome.ts';
import { nameOf, parseRecord, type RequestRecord, type Withdrawal } from './record.ts';
import type { Witness } from './redis-continuity.ts';
import {
  ACTIVATE,
  CANCEL,
  CREATE,
  JOBLESS,
  NEEDS_HAND,
  NOTE_LOOK,
  NOTE_PROOF,
  NOTE_WITHDRAWAL,
  RECALL,
} from './scripts.ts';
import {
  holdsClaims,
  isAtRest,
  STATES,
  type State,
  TRANSITIONS,
  type TransitionName,
  takesClaims,
  WORKED_ON,
} from './states.ts';
import { TRANSITION } from './transition-script.ts';

export interface Claim {
  readonly shotKey: string;
  readonly indices: readonly number[];
}

export interface Step {
  readonly request: string;
  /** For `reserve`, `confirm`, and the `accept` of a POST's answer: where it is POSTed, since an endpoint may be stopped alone. */
  readonly endpoint?: string;
  /** From `activate`. Without it any holder may take the step (operations of a person). */
  readonly epoch?: number;
  /** The round that the run took in hand: refused (`stale`) where the record is in another one by now. */
  readonly round?: number;
  /** For `reserve` and `attach`: what is claimed, and the dearest possible price. */
  readonly take?: Claim & { readonly price: MicroUsd };
  /** For `refetch`: what is claimed. */
  readonly claim?: Claim;
  /** For `book`. `images`: how many came back. */
  readonly book?: { readonly cost: MicroUsd; readonly images: number };
  /** For `accept`, `attach` and `refetch`: fal's id, taken in the same step. */
  readonly takeId?: string;
  /** For `confirm` and `lose`: what rivals have in common while its POST may be unresolved, and when its intent was written. */
  readonly rival?: { readonly hash: string; readonly intentAtMs: number };
  /** For `lose`: the endpoint whose answer to a POST was lost just now. */
  readonly door?: string;
  /** `booked` only for `refetch`, which takes up what was booked before: Redis may have forgotten it. */
  /** For `fail`: how it counts towards the limit of failures in a row; without it, it does not. */
  readonly failing?: CountedFailure & { readonly on: ReturnType<typeof countedOn> };
  readonly set?: Partial<Record<RecordField, string | number>>;
}

/** Short names, since a million records stand in memory. The meanings are those of `RequestRecord`. */
const FIELDS = {
  requestId: 'id',
  intentAtMs: 'at',
  attempts: 'a',
  renderStarts: 'k',
  failure: 'x',
  booked: 'b',
} as const;
type RecordField = keyof typeof FIELDS;

export interface RecordsDeps {
  readonly redis: Redis;
  /** `{shotlist}`; hash-tagged. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly ttlH: number;
  /** Without it nobody sees whether Redis forgets; for those who begin nothing. */
  readonly memory?: Witness;
  /** So many failures in a row with one code hold their batch; 0: never. */
  readonly stopAfterFailures: number;
  readonly caps: { readonly daily: MicroUsd | undefined; readonly monthly: MicroUsd | undefined };
}

const state = z.enum(STATES);

const created = z.object({
  code: z.enum(['ok', 'absent']),
  /** Those that stand otherwise than asked for: place in the call, from 1, state and round. */
  others: z.array(z.tuple([z.int().min(1), state, z.int()])).default([]),
});

const cancelled = z.object({ cancelled: woken, ended: z.boolean() });

const jobless = z.array(
  z.object({ request: z.string(), round: z.int(), queue: z.enum(['generate', 'collect', 'render']) }),
);

/** The records of requests in Redis. Every write is one Lua script; see `transition-script.ts` for the keys. */
export class Records {
  readonly #deps: RecordsDeps;

  constructor(deps: RecordsDeps) {
    this.#deps = deps;
  }

  /** Takes one transition of the table in `states.ts`. Safe to repeat when the answer was lost. */
  async transition(name: TransitionName, step: Step): Promise<Outcome> {
    const outcome = await this.#take(name, step);
    if (outcome.code !== 'lost' || (await this.#deps.memory?.look()) !== 'renewed') return outcome;
    return await this.#take(name, step);
  }

  async #take(name: TransitionName, step: Step): Promise<Outcome> {
    const { redis, prefix, clock, ttlH, caps } = this.#deps;
    const { batch, row, part } = nameOf(step.request);
    const { from, to, money, needs } = TRANSITIONS[name];
    const now = clock();
    const day = dayOf(now);
    const witness = this.#deps.memory?.expected();
    const answer = await redis.eval(
      TRANSITION,
      0,
      prefix,
      JSON.stringify({
        request: step.request,
        batch,
        member: `${row}.${part}`,
        op: randomBytes(6).toString('base64url'),
        epoch: step.epoch,
        round: step.round,
        endpoint: step.endpoint,
        from,
        to,
        money,
        needs,
        claims: holdsClaims(to),
        takesClaims: takesClaims(name),
        rest: isAtRest(to),
        revives: from.some(isAtRest),
        ttlS: ttlH * 3_600,
        at: now,
        day,
        dayLimit: caps.daily,
        monthLimit: caps.monthly,
        ...step.claim,
        ...step.take,
        ...step.book,
        ...(step.rival && { rivalHash: step.rival.hash, intentAtMs: step.rival.intentAtMs }),
        takeId: step.takeId,
        door: step.door,
        failing: this.#failingOf(step),
        endsRow: Object.hasOwn(ENDS_ROW, name) ? ENDS_ROW[name as keyof typeof ENDS_ROW] : undefined,
        ...witness,
        set: Object.entries({ ...recordedFields(step), ...step.set }).map(([field, value]) => [
          FIELDS[field as RecordField],
          String(value),
        ]),
      }),
    );
    const parsed = outcome.safeParse(JSON.parse(String(answer)));
    if (!parsed.success) {
      throw new MalformedError(`Redis answered ${name} of ${step.request} with ${String(answer)}.`, {
        cause: parsed.error,
      });
    }
    const { data } = parsed;
    switch (data.code) {
      case 'claimed':
        return { code: 'claimed', owner: data.reason };
      case 'absent':
      case 'stale':
      case 'state':
        return { code: data.code, state: data.state };
      case 'ok':
        if (witness !== undefined && data.seen !== undefined)
          this.#deps.memory?.note(witness.life, data.seen, data.tick ?? 0);
        return {
          code: 'ok',
          round: data.round,
          ended: data.ended,
          woken: data.woken,
          ...(data.over === undefined ? {} : { over: data.over }),
          ...(data.holds === undefined ? {} : { holds: data.holds }),
          ...(data.lifts === undefined ? {} : { lifts: data.lifts }),
        };
      default:
        return data;
    }
  }

  #failingOf({ request, failing }: Step) {
    if (failing === undefined) return undefined;
    const { code, on } = failing;
    return { code, on, limit: this.#deps.stopAfterFailures, example: exampleOf(request, failing) };
  }

  /**
   * Reads the record, and takes it in hand where it is in a state that the queue works on: the epoch is raised, and
   * whoever worked on it before is refused from here on.
   */
  async activate(request: string, queue: keyof typeof WORKED_ON): Promise<RequestRecord | undefined> {
    const { redis, prefix } = this.#deps;
    const answer = z
      .array(z.string())
      .parse(await redis.eval(ACTIVATE, 0, prefix, request, ...WORKED_ON[queue]));
    const fields: Record<string, string> = {};
    for (let at = 0; at + 1 < answer.length; at += 2) fields[answer[at] ?? ''] = answer[at + 1] ?? '';
    return parseRecord(request, fields);
  }

  /**
   * Whether the record stands where that queue works on it, or is about to be restored. Asked at the end of a job: no other
   * is given while that one is there.
   */
  async needsHand(request: string, queue: keyof typeof WORKED_ON): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    const { batch } = nameOf(request);
    const answer = await redis.eval(NEEDS_HAND, 0, prefix, request, batch, ...WORKED_ON[queue]);
    return flagOf('NEEDS_HAND', answer);
  }

  /**
   * Whether a rival of this hash with a later intent may have a POST under way or unresolved. Ask after
   * fal's list was read: what is submitted later cannot be in it.
   */
  async hasLaterRivals(rivalHash: string, intentAtMs: number): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    const later = await redis.zcount(`${prefix}:rivals:${rivalHash}`, `(${intentAtMs}`, '+inf');
    return integerOf('ZCOUNT', later) > 0;
  }

  async read(request: string): Promise<RequestRecord | undefined> {
    const { redis, prefix } = this.#deps;
    return parseRecord(request, await redis.hgetall(`${prefix}:rec:${request}`));
  }

  /**
   * Creates the records that are not there yet, in one step, and answers each one's present state and round.
   * undefined when the batch is not in Redis, or is being rebuilt. At most a plan chunk's worth of items a call.
   */
  async create(
    batch: string,
    items: readonly {
      readonly row: number;
      readonly part: number;
      readonly state: 'planned' | 'generated';
      /** Held, until a person's word on the proof of the batch; where that was said already, this counts for nothing. */
      readonly waitsForProof?: boolean;
    }[],
  ): Promise<{ request: string; state: State; round: number }[] | undefined> {
    const { redis, prefix } = this.#deps;
    if (items.length === 0) return [];
    const list = items.map((item) => [
      `${item.row}.${item.part}`,
      item.state,
      ...(item.waitsForProof === true ? [1] : []),
    ]);
    const answer = created.parse(
      JSON.parse(String(await redis.eval(CREATE, 0, prefix, JSON.stringify({ batch, items: list })))),
    );
    if (answer.code === 'absent') return undefined;
    const standing: { request: string; state: State; round: number }[] = items.map(
      ({ row, part, state }) => ({ request: requestKeyOf({ batch, row, part }), state, round: 0 }),
    );
    for (const [place, itsState, round] of answer.others) {
      const one = standing[place - 1];
      if (one !== undefined) standing[place - 1] = { request: one.request, state: itsState, round };
    }
    return standing;
  }

  /**
   * Walks the batch's requests that are not at rest and yields those that no job would take on. What waited for a
   * proof that is approved is planned first; with `unhold`, what a cap holds too. Safe beside running work: a job too many finds the record in other hands and ends.
   */
  async *jobless(batch: string, mode: 'sweep' | 'unhold'): AsyncGenerator<z.infer<typeof jobless>> {
    const { redis, prefix, clock } = this.#deps;
    for await (const members of this.#openMembers(batch)) {
      const args = JSON.stringify({
        batch,
        members,
        unhold: mode === 'unhold' ? true : undefined,
        at: clock(),
      });
      const found = jobless.parse(JSON.parse(String(await redis.eval(JOBLESS, 0, prefix, args))));
      if (found.length > 0) yield found;
    }
  }

  /**
   * Cancels what waits of a batch whose word is `cancelled`, some hundred at a time, and yields which, with the round
   * that their jobs are named by. `ended`: the batch is at its end by this. Safe to repeat and beside running work.
   */
  async *cancelWaiting(batch: string): AsyncGenerator<z.infer<typeof cancelled>> {
    const { redis, prefix, clock, ttlH } = this.#deps;
    const { from } = TRANSITIONS.cancel;
    for await (const members of this.#openMembers(batch)) {
      const args = JSON.stringify({ batch, members, from, at: clock(), ttlS: ttlH * 3_600 });
      yield cancelled.parse(JSON.parse(String(await redis.eval(CANCEL, 0, prefix, args))));
    }
  }

  /**
   * Notes how far the cancelling of a request at fal has come; undefined takes the note away. Resolves to false, and
   * changes nothing, where the record no longer waits for that id, or fal took it out of its queue already.
   */
  async noteWithdrawal(request: string, requestId: string, note: Withdrawal | undefined): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    const text = note === undefined ? '' : note.kind === 'asked' ? String(note.atMs) : note.kind;
    return flagOf('NOTE_WITHDRAWAL', await redis.eval(NOTE_WITHDRAWAL, 0, prefix, request, requestId, text));
  }

  /** Notes when an unknown request is found out about at the latest; nothing where a later run took over. */
  async noteProof(
    { request, epoch, round }: Pick<RequestRecord, 'request' | 'epoch' | 'round'>,
    provenAtMs: number,
  ): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(NOTE_PROOF, 0, prefix, request, epoch, round, provenAtMs);
  }

  /**
   * Counts a look for paid pictures that could not be had. Resolves to since when that is so (ms since 1970) and how often
   * it was looked, this look included; undefined, and changes nothing, where a later run took over.
   */
  async noteLook({
    request,
    epoch,
    round,
  }: Pick<RequestRecord, 'request' | 'epoch' | 'round'>): Promise<
    { readonly sinceMs: number; readonly looks: number } | undefined
  > {
    const { redis, prefix, clock } = this.#deps;
    const answer = await redis.eval(NOTE_LOOK, 0, prefix, request, epoch, round, clock());
    const [sinceMs, looks] = z.array(z.coerce.number().int()).parse(answer);
    return sinceMs === undefined || looks === undefined ? undefined : { sinceMs, looks };
  }

  /** Brings back the record of a request that failed in that round, where Redis has forgotten it; else does nothing. */
  async recallFailed(request: string, round: number): Promise<void> {
    const { redis, prefix, ttlH } = this.#deps;
    await redis.eval(RECALL, 0, prefix, nameOf(request).batch, request, round, ttlH * 3_600);
  }

  /** Who took fal's id, as `<request>-<round>`; undefined where nobody did, or longer ago than records last. */
  async holderOf(requestId: string): Promise<string | undefined> {
    const { redis, prefix } = this.#deps;
    return (await redis.get(`${prefix}:id:${requestId}`)) ?? undefined;
  }

  /**
   * Walks the batch's requests that are not at rest, some hundred at a time. A record that cannot be read goes to `onOdd`,
   * and the others come all the same; without it, it rejects with a `MalformedError`.
   */
  async *open(batch: string, onOdd?: (error: MalformedError) => void): AsyncGenerator<RequestRecord[]> {
    const { redis, prefix } = this.#deps;
    for await (const members of this.#openMembers(batch)) {
      const pipeline = redis.pipeline();
      for (const member of members) pipeline.hgetall(`${prefix}:rec:${batch}.${member}`);
      // An empty hash is a record that came to rest in between; an answer that is none is a fault.
      const answers = z.array(z.record(z.string(), z.string())).parse(await answersOf(pipeline.exec()));
      const found = members.flatMap((member, at) => {
        const fields = answers[at];
        if (fields === undefined) throw new MalformedError('Redis answered fewer commands than it was sent.');
        try {
          return parseRecord(`${batch}.${member}`, fields) ?? [];
        } catch (error) {
          if (!(error instanceof MalformedError) || onOdd === undefined) throw error;
          onOdd(error);
          return [];
        }
      });
      if (found.length > 0) yield found;
    }
  }

  /** `<row>.<part>` of the requests that are not at rest; one may come twice while the set changes. */
  async *#openMembers(batch: string): AsyncGenerator<string[]> {
    const { redis, prefix } = this.#deps;
    let cursor = '0';
    do {
      const [next, members] = await redis.sscan(`${prefix}:open:${batch}`, cursor, 'COUNT', 500);
      cursor = next;
      if (members.length > 0) yield members;
    } while (cursor !== '0');
  }
}

/** What a step says about itself is also kept in the record. */
function recordedFields({ takeId, rival }: Step): Partial<Record<RecordField, string | number>> {
  return {
    ...(takeId === undefined ? {} : { requestId: takeId }),
    ...(rival === undefined ? {} : { intentAtMs: rival.intentAtMs }),
  };
}

/** The scopes that a request's money counts on. */
export function scopesOf(batch: string, day: string): readonly [string, string, string] {
  return [`batch:${batch}`, `day:${day}`, `month:${monthOf(day)}`];
}
