import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Fault } from '../../../src/local/fal/faults.ts';
import { expectLedgerIsBook, failuresOf, ledgerOf } from '../../support/accounts.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

/** What strikes the one request of each shot: FAL.md's table, row by row, by the name of the shot. */
const FINAL = {
  'policy at the result': { on: 'run', kind: 'content_policy_violation' },
  'no media at the result': { on: 'run', kind: 'no_media_generated' },
  'bad request at the result': { on: 'run', kind: 'bad_request' },
  '422 on the POST': { on: 'submit', kind: 'invalid' },
  '400 on the POST': { on: 'submit', kind: 'bad-request' },
} as const satisfies Record<string, Fault>;

const BILLED = {
  'billed refusal': { on: 'run', kind: 'content_policy_violation_billed' },
  'refusal billed without a word': { on: 'run', kind: 'no_media_generated_billed_unsaid' },
} as const satisfies Record<string, Fault>;

const FAILED_RUNS = [
  'internal_server_error',
  'downstream_service_error_500',
  'downstream_service_error_503',
  'downstream_service_error_400',
  'downstream_service_unavailable',
  'generation_timeout',
  'runner_scheduling_failure',
  'runner_disconnected',
  'runner_incomplete_response',
  'runner_server_error',
  'startup_timeout',
] as const;

const READS = {
  '5xx on the status': { on: 'status', kind: 'status', status: 502, times: 3 },
  'a reset on the status': { on: 'status', kind: 'reset', times: 3 },
  'a fall back into the queue': { on: 'status', kind: 'fall-back', times: 1 },
  'an empty status': { on: 'status', kind: 'empty', times: 2 },
  '404 on the status, once': { on: 'status', kind: 'not-found', times: 1 },
  '5xx on the result': { on: 'result', kind: 'status', status: 500, times: 2 },
  'a truncated result': { on: 'result', kind: 'truncated', times: 1 },
  'an empty result': { on: 'result', kind: 'empty', times: 1 },
  'a result of null': { on: 'result', kind: 'null', times: 1 },
  '429 on the result': { on: 'result', kind: 'rate-limited', retryAfterS: 1, times: 1 },
  '404 on the result, for ever': { on: 'result', kind: 'not-found' },
  '410 on the result, for ever': { on: 'result', kind: 'gone' },
  '5xx on the picture': { on: 'media', kind: 'unavailable', times: 1 },
  'a reset on the picture': { on: 'media', kind: 'reset', times: 1 },
  'a truncated picture': { on: 'media', kind: 'truncated', times: 1 },
} as const satisfies Record<string, Fault>;

const ACCEPTED = {
  'accepted, then a reset': { on: 'submit', kind: 'accepted-then-reset', times: 1 },
  'accepted, then 503': { on: 'submit', kind: 'accepted-then-status', status: 503, times: 1 },
  'accepted, then half an answer': { on: 'submit', kind: 'accepted-truncated', times: 1 },
  'accepted, then an empty answer': { on: 'submit', kind: 'accepted-empty', times: 1 },
  'accepted, then null': { on: 'submit', kind: 'accepted-null', times: 1 },
} as const satisfies Record<string, Fault>;

const UNACCEPTED = {
  'a reset, not accepted': { on: 'submit', kind: 'reset', times: 1 },
  '503, not accepted': { on: 'submit', kind: 'unavailable', times: 1 },
} as const satisfies Record<string, Fault>;

const OTHER = {
  'a run that always fails': { on: 'run', kind: 'internal_server_error' },
  '400 of a downstream service on the POST': {
    on: 'submit',
    kind: 'status',
    status: 400,
    body: { detail: [{ loc: ['body'], msg: 'Downstream', type: 'downstream_service_error' }] },
    times: 2,
  },
} as const satisfies Record<string, Fault>;

/** A run that fal never started within the time that was asked: unbilled. More of them than a request has attempts. */
const NEVER_STARTED = {
  name: 'never started',
  times: 6,
  result: {
    on: 'result',
    kind: 'status',
    status: 504,
    body: { detail: 'Request timed out', error_type: 'request_timeout' },
    headers: { 'x-fal-request-timeout-type': 'user', 'x-fal-error-type': 'request_timeout' },
    times: 6,
  },
  run: { on: 'run', kind: 'startup_timeout', times: 6 },
} as const satisfies { name: string; times: number; result: Fault; run: Fault };

/** One list of one shot for each fault, all of them under way at once; each test looks at its own. */
describe("fal's errors", () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await openWorkshop({
      fal: { listLagMs: 100 },
      settings: { FAL_START_TIMEOUT_S: '2', FAL_UNKNOWN_MARGIN_S: '1' },
      postWindowMs: 500,
    });
    for (const [name, fault] of Object.entries({
      ...FINAL,
      ...BILLED,
      ...READS,
      ...ACCEPTED,
      ...UNACCEPTED,
      ...OTHER,
    })) {
      await order(name, fault);
    }
    for (const kind of FAILED_RUNS) await order(kind, { on: 'run', kind, times: 1 });
    await order(NEVER_STARTED.name, NEVER_STARTED.result, NEVER_STARTED.run);
    await workshop.startWorker();
  });
  afterAll(async () => {
    await workshop[Symbol.asyncDispose]();
  });

  async function order(name: string, ...faults: readonly Fault[]): Promise<void> {
    for (const fault of faults) {
      workshop.fal.faults.add({ ...fault, when: ({ input }) => input?.['prompt'] === promptOf(name) });
    }
    await workshop.enqueueRows([{ id: name, prompt: promptOf(name) }], { batch: batchOf(name) });
  }

  /** How the shot ended, and what fal knows of it. */
  async function endOf(name: string) {
    const { counts, money } = await workshop.untilEnded(batchOf(name));
    const posted = workshop.fal.book.entries().filter(({ input }) => input['prompt'] === promptOf(name));
    const failure = (await failuresOf(workshop, batchOf(name)))[name];
    return {
      counts,
      money,
      failure,
      posted,
      charged: posted.filter(({ chargedMicroUsd }) => chargedMicroUsd > 0),
    };
  }

  /** A worker whose lock lapses on a busy machine gives a round back before it has an intent. */
  async function firstIntentAtMs(name: string): Promise<number> {
    const { journal } = workshop.shop;
    for (let round = 0; round < 10; round++) {
      const intent = await journal.readIntent({ batch: batchOf(name), row: 0, part: 0 }, round);
      if (intent !== undefined) return intent.at;
    }
    throw new Error(`no intent of ${name}`);
  }

  describe('that are final', () => {
    it.each([
      ['policy at the result', 'content_policy_violation', 1],
      ['no media at the result', 'no_media_generated', 1],
      ['bad request at the result', 'bad_request', 1],
      ['422 on the POST', 'missing', 0],
      ['400 on the POST', 'bad_request', 0],
    ] as const)('%s: fails as %s, and is not asked for again', async (name, code, posts) => {
      const { counts, failure, posted, charged } = await endOf(name);
      expect(counts).toMatchObject({ failed: 1, delivered: 0 });
      expect(failure?.code).toBe(code);
      expect({ posted: posted.length, charged: charged.length }).toEqual({ posted: posts, charged: 0 });
    });

    it.each(Object.keys(BILLED))('%s: fails, and its cost is booked', async (name) => {
      const { counts, money, posted } = await endOf(name);
      expect(counts).toMatchObject({ failed: 1, delivered: 0 });
      expect(posted).toHaveLength(1);
      expect(money).toMatchObject({ spentUsd: 0.02, reservedUsd: 0 });
    });
  });

  describe('of a run that failed unbilled', () => {
    it.each(FAILED_RUNS)('%s: a new request, and only that one is paid', async (kind) => {
      const { counts, posted, charged } = await endOf(kind);
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect({ posted: posted.length, charged: charged.length }).toEqual({ posted: 2, charged: 1 });
    });

    it('few attempts, and then it fails with the last reason', async () => {
      const { counts, money, failure, posted } = await endOf('a run that always fails');
      expect(counts).toMatchObject({ failed: 1, delivered: 0 });
      expect(failure?.code).toBe('internal_server_error');
      expect(posted).toHaveLength(4);
      expect(money).toMatchObject({ spentUsd: 0, reservedUsd: 0 });
    });

    it('never started within the start timeout: a new request each time, with no attempt used', async () => {
      const { counts, posted, charged } = await endOf(NEVER_STARTED.name);
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect({ posted: posted.length, charged: charged.length }).toEqual({
        posted: NEVER_STARTED.times + 1,
        charged: 1,
      });
    });

    it('400 of a downstream service on the POST: posted again, since nothing was accepted', async () => {
      const { counts, posted } = await endOf('400 of a downstream service on the POST');
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect(posted).toHaveLength(1);
    });
  });

  describe('of a request that is fine', () => {
    it.each(Object.keys(READS))('%s: delivered, and never posted again', async (name) => {
      const { counts, posted } = await endOf(name);
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect(posted).toHaveLength(1);
    });
  });

  describe('that leave open whether it was accepted', () => {
    it.each(Object.keys(ACCEPTED))("%s: found in fal's list, and paid once", async (name) => {
      const { counts, posted } = await endOf(name);
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect(posted).toHaveLength(1);
    });

    it.each(Object.keys(UNACCEPTED))('%s: posted again only once its absence is proven', async (name) => {
      const { counts, posted } = await endOf(name);
      expect(counts).toMatchObject({ delivered: 1, failed: 0 });
      expect(posted).toHaveLength(1);
      // Half a second to post, two to start, one of margin.
      expect((posted[0]?.acceptedAtMs ?? 0) - (await firstIntentAtMs(name))).toBeGreaterThan(3_500);
    });
  });

  it('leave a ledger that is the book, entry by entry, and nothing reserved', async () => {
    const batches = await workshop.shop.batches.list();
    for (const batch of batches) await workshop.untilEnded(batch);
    const unsaid = (await endOf('bad request at the result')).posted[0]?.requestId ?? '';
    expect((await ledgerOf(workshop)).find(({ requestId }) => requestId === unsaid)).toMatchObject({
      costMicroUsd: 20_000,
      source: 'assumed',
    });
    await expectLedgerIsBook(workshop, { but: unsaid });
    const views = await Promise.all(batches.map((batch) => workshop.shop.batches.read(batch)));
    expect(views.map((view) => view?.reserved)).toEqual(batches.map(() => 0));
  });
});

function promptOf(name: string): string {
  return `a vase: ${name}`;
}

function batchOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
