import type { MicroUsd } from '../../src/shared/base/money.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { Batches, type NewBatch } from '../../src/shared/requests/batches.ts';
import type { Outcome } from '../../src/shared/requests/outcome.ts';
import { Records, type RecordsDeps, type Step } from '../../src/shared/requests/records.ts';
import type { State, TransitionName } from '../../src/shared/requests/states.ts';
import { type TestRedis, testRedis } from './redis.ts';

/** Records and batches over real Redis, with no queue, store or fal: a test's own hands move the requests. */
export interface Desk extends AsyncDisposable {
  readonly redis: TestRedis;
  readonly batches: Batches;
  readonly records: Records;
  /** A batch of `count` planned requests; resolves to their keys. */
  open(batch: string, count: number, more?: Partial<NewBatch>): Promise<string[]>;
  /** A transition with what it takes: a reserve claims variant 0 of a shot of the request's own, at `price`. */
  step(name: TransitionName, request: string, more?: Partial<Step>): Promise<Outcome>;
  /** Brings a planned request into a state, by the shortest way. */
  bring(request: string, state: State): Promise<void>;
}

export interface DeskOptions {
  readonly caps?: RecordsDeps['caps'];
  readonly ttlH?: number;
  /** Default: 5, as that of the program. */
  readonly stopAfterFailures?: number;
}

export const PRICE: MicroUsd = 20_000;

export async function openDesk({ caps, ttlH = 1, stopAfterFailures = 5 }: DeskOptions = {}): Promise<Desk> {
  const redis = await testRedis();
  const { client, prefix } = redis;
  const batches = new Batches({ redis: client, prefix, clock: systemClock });
  const records = new Records({
    redis: client,
    prefix,
    clock: systemClock,
    ttlH,
    stopAfterFailures,
    caps: caps ?? { daily: undefined, monthly: undefined },
  });

  async function step(name: TransitionName, request: string, more: Partial<Step> = {}): Promise<Outcome> {
    return await records.transition(name, { request, ...needsOf(name, request), ...more });
  }

  return {
    redis,
    batches,
    records,
    step,

    async open(batch, count, more = {}) {
      await batches.create({
        batch,
        digest: '0'.repeat(64),
        priority: 1_000,
        shots: count,
        images: count,
        reusedImages: 0,
        requests: count,
        minMicroUsd: count * PRICE,
        maxMicroUsd: count * PRICE,
        naiveMicroUsd: count * PRICE,
        cheapestMicroUsd: PRICE,
        endpoints: ['fal-ai/gpt-image-1-mini'],
        ...more,
      });
      const requests: string[] = [];
      for (let from = 0; from < count; from += 250) {
        const items = Array.from({ length: Math.min(250, count - from) }, (_, at) => ({
          row: from + at,
          part: 0,
          state: 'planned' as const,
        }));
        const created = await records.create(batch, items);
        requests.push(...(created ?? []).map(({ request }) => request));
      }
      return requests;
    },

    async bring(request, state) {
      for (const name of WAYS[state]) {
        const { code } = await step(name, request);
        if (code !== 'ok') throw new Error(`${name} of ${request} on the way to ${state} answered ${code}`);
      }
    },

    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

const SUBMITTED = ['reserve', 'confirm', 'accept'] as const;
const WAYS: Readonly<Record<State, readonly TransitionName[]>> = {
  planned: [],
  submitting: ['reserve'],
  submitted: SUBMITTED,
  generated: [...SUBMITTED, 'book', 'store'],
  rendering: [...SUBMITTED, 'book', 'store', 'render'],
  delivered: [...SUBMITTED, 'book', 'store', 'render', 'deliver'],
  failed: ['fail'],
  held: ['hold'],
  unknown: ['reserve', 'confirm', 'lose'],
  cancelled: ['cancel'],
};

function needsOf(name: TransitionName, request: string): Partial<Step> {
  switch (name) {
    case 'reserve':
      return { take: { shotKey: `shot-of-${request}`, indices: [0], price: PRICE } };
    case 'attach':
      return {
        take: { shotKey: `shot-of-${request}`, indices: [0], price: PRICE },
        takeId: `id-of-${request}`,
      };
    case 'refetch':
      return {
        claim: { shotKey: `shot-of-${request}`, indices: [0] },
        takeId: `id-of-${request}`,
        set: { booked: PRICE },
      };
    case 'confirm':
      return { rival: { hash: 'one-prompt', intentAtMs: 1 } };
    case 'accept':
      return { takeId: `id-of-${request}` };
    case 'book':
      return { book: { cost: PRICE, images: 1 } };
    default:
      return {};
  }
}
