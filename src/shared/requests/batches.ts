import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { isOdd, MalformedError } from '../base/errors.ts';
import type { MicroUsd } from '../base/money.ts';
import type { Clock } from '../base/time.ts';
import { type FailingHold, failingHold } from '../journal/objects.ts';
import { answersOf, countOf, flagOf } from '../redis/answers.ts';
import type { Redis } from '../redis/redis.ts';
import {
  APPROVE,
  CAUGHT_UP,
  COMPLETE,
  HOLD_NOTED,
  LEAVE_BEHIND,
  SET_CAP,
  SET_WORD,
  SUMMARIZED,
  UNSTOP,
} from './scripts.ts';
import { isAtRest, STATES, type State } from './states.ts';
import { type Undecided, WHY_UNDECIDED } from './undecided.ts';

/** The word of a batch: what its requests may do. */
export const WORDS = ['running', 'paused', 'held', 'cancelled'] as const;
export type Word = (typeof WORDS)[number];

/** `open`: what is not of the proof waits for a person's word on it. */
const PROOFS = ['open', 'approved'] as const;
export type Proof = (typeof PROOFS)[number];

/** What is fixed when a batch is enqueued. */
export interface NewBatch {
  readonly batch: string;
  /** SHA-256 of the validated list: tells the same list from a different one. */
  readonly digest: string;
  readonly priority: number;
  readonly cap?: MicroUsd | undefined;
  readonly shots: number;
  readonly images: number;
  readonly reusedImages: number;
  /** Requests to be paid. */
  readonly requests: number;
  readonly minMicroUsd: MicroUsd;
  readonly maxMicroUsd: MicroUsd;
  readonly naiveMicroUsd: MicroUsd;
  /** Of the cheapest request: below this much room, the whole batch is held. */
  readonly cheapestMicroUsd: MicroUsd;
  /** Those that its requests are sent to. */
  readonly endpoints: readonly string[];
}

export interface BatchView extends NewBatch {
  readonly word: Word;
  /** Every plan chunk has its records and jobs. */
  readonly complete: boolean;
  readonly createdAtMs: number;
  readonly doneAtMs: number | undefined;
  /** Its summary is in the store. */
  readonly summarized: boolean;
  readonly counts: Readonly<Record<State, number>>;
  readonly reserved: MicroUsd;
  readonly spent: MicroUsd;
  readonly imagesPaid: number;
  /** The cap that holds it: `batch:…`, `day:…` or `month:…`, and its limit. */
  readonly heldBy: { readonly scope: string; readonly limit: MicroUsd } | undefined;
  /** How many unknown requests fal's list does not decide, and why that is of the last one noted. */
  readonly undecided: { readonly requests: number; readonly why: Undecided['why'] | undefined };
  /** Of a batch that one step held as a whole. */
  readonly hold: Hold | undefined;
  /** undefined: all of it may be made, and could from the beginning. */
  readonly proof: Proof | undefined;
  /** The requests whose cost is in `spent`, and what was reserved for them: by how much estimates miss. */
  readonly booked: { readonly requests: number; readonly estimate: MicroUsd };
  /** When a request last came to rest. */
  readonly lastEndAtMs: number | undefined;
  /** The time in which nothing could be done, since all waited for a person's word on the proof. */
  readonly idleMs: number;
}

export interface Hold {
  /** Ms since 1970. */
  readonly atMs: number;
  /** Why, where its requests failed together; else it is a cap. */
  readonly failing: FailingHold | undefined;
  /** The store, and whoever is to be told, know of it. */
  readonly isNoted: boolean;
}

/** Why all submits are stopped, everywhere. */
export interface Stop {
  readonly code:
    | 'balance'
    | 'key'
    | 'price_changed'
    | 'media'
    | 'media_refused'
    | 'operator'
    | 'redis_lost'
    | 'rebuild';
  /** A sentence; holds fal's words. */
  readonly reason: string;
}

export interface BehindMark {
  readonly mark: string;
  /** `unhold`: a person resumed, and held requests are planned again first. */
  readonly mode: 'sweep' | 'unhold';
}

/** How far somebody came with bringing a batch's jobs in line with its word. */
export interface CaughtUp {
  /** Whether nothing is left to do; else the mark stands, and the workers go on. */
  readonly finished: boolean;
  /** Requests that got a job, or were cancelled. Jobs that were only cleared are not counted. */
  readonly requests: number;
}

const integer = z.coerce.number().int();

const stored = z.object({
  digest: z.string(),
  word: z.enum(WORDS),
  priority: integer,
  cap: integer.optional(),
  shots: integer,
  images0: integer,
  reused: integer,
  requests: integer,
  min: integer,
  max: integer,
  naive: integer,
  cheapest: integer,
  endpoints: z.string(),
  enq: z.string().optional(),
  at: integer,
  done: integer.optional(),
  sum: z.string().optional(),
  images: integer.default(0),
  hs: z.string().optional(),
  hl: integer.optional(),
  'held.at': integer.optional(),
  'held.noted': z.string().optional(),
  failing: z.string().optional(),
  'failing.n': integer.optional(),
  proof: z.enum(PROOFS).optional(),
  bn: integer.default(0),
  be: integer.default(0),
  last: integer.optional(),
  idle: integer.default(0),
  nc: integer.default(0),
  ncw: z.enum(WHY_UNDECIDED).optional(),
});

export interface BatchesDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly clock: Clock;
}

/** The batches in Redis: word, counters, money. Constant in size, whatever the batch. */
export class Batches {
  readonly #deps: BatchesDeps;

  constructor(deps: BatchesDeps) {
    this.#deps = deps;
  }

  /** Creates the batch where there is none; a repeat changes nothing. `proof`: how far its proof is, if it has one. */
  async create(batch: NewBatch, proof?: Proof): Promise<void> {
    const { redis, clock } = this.#deps;
    const now = clock();
    const key = this.#key(batch.batch);
    // The digest is the first field that anybody sees: whoever sets it fills in the rest in the same transaction.
    if (!flagOf('EXISTS', await redis.exists(key))) {
      const written = redis
        .multi()
        .hset(key, {
          digest: batch.digest,
          word: 'running',
          priority: batch.priority,
          ...(batch.cap === undefined ? {} : { cap: batch.cap }),
          shots: batch.shots,
          images0: batch.images,
          reused: batch.reusedImages,
          requests: batch.requests,
          min: batch.minMicroUsd,
          max: batch.maxMicroUsd,
          naive: batch.naiveMicroUsd,
          cheapest: batch.cheapestMicroUsd,
          endpoints: batch.endpoints.join(' '),
          ...(proof === undefined ? {} : { proof }),
        })
        .hsetnx(key, 'at', String(now))
        .zadd(this.#deps.prefix.concat(':batches'), 'NX', now, batch.batch)
        .exec();
      await answersOf(written);
    }
  }

  /** Says that every chunk has its records. Resolves to true when the batch has ended by this. */
  async complete(batch: string): Promise<boolean> {
    const { redis, prefix, clock } = this.#deps;
    const args = JSON.stringify({ batch, at: clock(), token: token() });
    return flagOf('COMPLETE', await redis.eval(COMPLETE, 0, prefix, args));
  }

  /**
   * undefined when Redis does not hold it (never enqueued, or its time is up). Rejects with a `MalformedError`, which says
   * what to do, where it cannot be read.
   */
  async read(batch: string): Promise<BatchView | undefined> {
    const { redis, prefix } = this.#deps;
    try {
      const [fields, money] = await Promise.all([
        redis.hgetall(this.#key(batch)),
        redis.hgetall(`${prefix}:money:batch:${batch}`),
      ]);
      if (fields['digest'] === undefined) return undefined;
      return viewOf(batch, { row: stored.parse(fields), fields, money });
    } catch (error) {
      if (!isOdd(error)) throw error;
      throw unreadable(batch, error);
    }
  }

  /** Newest first. */
  async list(): Promise<string[]> {
    const { redis, prefix } = this.#deps;
    return await redis.zrevrange(`${prefix}:batches`, 0, -1);
  }

  /**
   * Takes effect at once, whatever the batch's size; its jobs are left behind, until somebody brings them in line. A
   * cancelled batch stays cancelled, whoever pauses or resumes it in the same moment.
   */
  async setWord(batch: string, word: Word): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(SET_WORD, 0, prefix, JSON.stringify({ batch, word, token: token() }));
  }

  /** Of the hold of that moment everybody knows by now. */
  async holdNoted(batch: string, atMs: number): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(HOLD_NOTED, 0, prefix, batch, atMs);
  }

  /** undefined when Redis does not hold the batch. */
  async word(batch: string): Promise<Word | undefined> {
    const word = await this.#deps.redis.hget(this.#key(batch), 'word');
    return z
      .enum(WORDS)
      .optional()
      .parse(word ?? undefined);
  }

  /** The batches whose jobs do not agree with their word yet, and the mark of each. */
  async behind(): Promise<ReadonlyMap<string, BehindMark>> {
    const { redis, prefix } = this.#deps;
    const marks = Object.entries(await redis.hgetall(`${prefix}:behind`));
    return new Map(
      marks.map(([batch, mark]) => [batch, { mark, mode: mark.startsWith('u') ? 'unhold' : 'sweep' }]),
    );
  }

  /** Says that jobs of the batch may stand in the queue, or be missing there, against its word. */
  async leaveBehind(batch: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(LEAVE_BEHIND, 0, prefix, JSON.stringify({ batch, token: token() }));
  }

  /** Its jobs agree with its word. Resolves to false, and changes nothing, where the mark is a later one by now. */
  async caughtUp(batch: string, { mark }: BehindMark): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    return flagOf('CAUGHT_UP', await redis.eval(CAUGHT_UP, 0, prefix, batch, mark));
  }

  /** A person's word on the proof. Resolves to whether it was still open. */
  async approve(batch: string): Promise<boolean> {
    const { redis, prefix, clock } = this.#deps;
    const args = JSON.stringify({ batch, at: clock(), token: token() });
    return flagOf('APPROVE', await redis.eval(APPROVE, 0, prefix, args));
  }

  /** The new total that the batch may spend. Resolves to false, and changes nothing, where more is spent or reserved. */
  async setCap(batch: string, cap: MicroUsd): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    return flagOf('SET_CAP', await redis.eval(SET_CAP, 0, prefix, JSON.stringify({ batch, cap })));
  }

  /** The store holds the summary: from now on Redis forgets the batch by itself. */
  async summarized(batch: string, ttlS: number): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.eval(SUMMARIZED, 0, prefix, batch, ttlS);
  }

  /** Drops the name of a batch that Redis has forgotten. */
  async forget(batch: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    await redis.zrem(`${prefix}:batches`, batch);
  }

  /** Money of any scope: `day:2026-11-24`, `month:2026-11`, `batch:…`. */
  async money(scope: string): Promise<{ reserved: MicroUsd; spent: MicroUsd }> {
    const { redis, prefix } = this.#deps;
    const fields = await redis.hgetall(`${prefix}:money:${scope}`);
    return { reserved: countOf('r', fields['r']), spent: countOf('s', fields['s']) };
  }

  /** Stops all submits. The first reason stands until a person resumes. */
  async stop({ code, reason }: Stop): Promise<void> {
    const { redis, prefix } = this.#deps;
    const written = redis
      .multi()
      .hsetnx(`${prefix}:stop`, 'code', code)
      .hsetnx(`${prefix}:stop`, 'reason', reason)
      .exec();
    // A stop that was not written is none: whoever asked for it must not go on.
    await answersOf(written);
  }

  async stopped(): Promise<Stop | undefined> {
    const { redis, prefix } = this.#deps;
    const fields = await redis.hgetall(`${prefix}:stop`);
    const { code, reason } = fields;
    if (code === undefined && reason === undefined) return undefined;
    // Written by `stop` alone; half of one stops as well.
    return {
      code: (code ?? 'operator') as Stop['code'],
      reason: reason ?? `${code}: no reason is on record`,
    };
  }

  /** Resolves to false, and changes nothing, where only a rebuild can lift it. */
  async unstop(): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    return flagOf('UNSTOP', await redis.eval(UNSTOP, 0, prefix, 'redis_lost', 'rebuild'));
  }

  /** Lifts the stop that a worker made which had not yet seen that Redis was rebuilt. Resolves to whether it stood. */
  async unstopLost(): Promise<boolean> {
    const { redis, prefix } = this.#deps;
    if ((await this.stopped())?.code !== 'redis_lost') return false;
    return flagOf('UNSTOP', await redis.eval(UNSTOP, 0, prefix, 'rebuild'));
  }

  #key(batch: string): string {
    return `${this.#deps.prefix}:batch:${batch}`;
  }
}

/** Throws what `isOdd` tells where a counter or the hold is none. */
function viewOf(
  batch: string,
  {
    row,
    fields,
    money,
  }: {
    readonly row: z.infer<typeof stored>;
    readonly fields: Readonly<Record<string, string>>;
    readonly money: Readonly<Record<string, string>>;
  },
): BatchView {
  const counts = Object.fromEntries(
    STATES.map((state) => [state, countOf(`c.${state}`, fields[`c.${state}`])]),
  );
  return {
    batch,
    digest: row.digest,
    priority: row.priority,
    cap: row.cap,
    shots: row.shots,
    images: row.images0,
    reusedImages: row.reused,
    requests: row.requests,
    minMicroUsd: row.min,
    maxMicroUsd: row.max,
    naiveMicroUsd: row.naive,
    cheapestMicroUsd: row.cheapest,
    endpoints: row.endpoints.split(' ').filter((one) => one !== ''),
    word: row.word,
    complete: row.enq === '1',
    createdAtMs: row.at,
    doneAtMs: row.done,
    summarized: row.sum === '1',
    // The keys are STATES by construction.
    counts: counts as Record<State, number>,
    reserved: countOf('r', money['r']),
    spent: countOf('s', money['s']),
    imagesPaid: row.images,
    heldBy: row.hs === undefined ? undefined : { scope: row.hs, limit: row.hl ?? 0 },
    undecided: { requests: Math.max(0, row.nc), why: row.ncw },
    hold: holdOf(row),
    proof: row.proof,
    booked: { requests: row.bn, estimate: row.be },
    lastEndAtMs: row.last,
    idleMs: row.idle,
  };
}

function unreadable(batch: string, cause: Error): MalformedError {
  const [issue] = cause instanceof z.ZodError ? cause.issues : [];
  const what = issue === undefined ? cause.message : `${issue.path.join('.')}: ${issue.message}`;
  return new MalformedError(
    `What Redis holds of ${batch} cannot be read (${what}). A newer release may have written it; shotlist rebuild ${batch} makes it again from the store.`,
    { cause },
  );
}

function holdOf(row: z.infer<typeof stored>): Hold | undefined {
  const { 'held.at': atMs, 'held.noted': noted, failing, 'failing.n': failures } = row;
  if (row.word !== 'held' || atMs === undefined) return undefined;
  return {
    atMs,
    failing: failing === undefined ? undefined : failingHold.parse({ ...JSON.parse(failing), failures }),
    isNoted: noted === '1',
  };
}

/** Tells two changes of a word apart. */
function token(): string {
  return randomBytes(6).toString('base64url');
}

/** Requests that are not at rest. */
export function unfinished(counts: Readonly<Record<State, number>>): number {
  return STATES.filter((state) => !isAtRest(state)).reduce((sum, state) => sum + counts[state], 0);
}
