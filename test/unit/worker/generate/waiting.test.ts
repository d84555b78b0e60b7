import { describe, expect, it } from '@jest/globals';
import { FalError, type FalFault } from '../../../../src/shared/fal/errors.ts';
import type { QueueStatus } from '../../../../src/shared/fal/queue.ts';
import { paceFor, waitUntilDone } from '../../../../src/worker/generate/wait.ts';

const NEVER = new AbortController().signal;

/** Waits on a clock of the test's own; `answers` are given one a read, the last one for ever. */
async function wait(
  answers: readonly (QueueStatus['state'] | number)[],
  { deadlineMs = 1_000_000, pace = paceFor(undefined) } = {},
) {
  let nowMs = 0;
  const readsAtMs: number[] = [];
  const ended = await waitUntilDone(
    {
      status: async () => {
        const answer = answers[Math.min(readsAtMs.length, answers.length - 1)] ?? 'queued';
        readsAtMs.push(nowMs);
        if (typeof answer === 'number') throw new FalError(faultOf(answer));
        return {
          state: answer,
          queuePosition: undefined,
          logs: [],
          inferenceMs: undefined,
          failure: undefined,
        };
      },
      clock: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
      onLogs: () => undefined,
    },
    pace,
    deadlineMs,
    NEVER,
  );
  return { ended, readsAtMs };
}

describe('waiting for fal', () => {
  it('reads first when it is likely done, and then at a growing interval of at most five seconds', async () => {
    const { readsAtMs } = await wait([...Array.from({ length: 20 }, () => 'running' as const), 'done']);
    const gaps = readsAtMs.map((at, index) => at - (readsAtMs[index - 1] ?? 0));
    expect(gaps[0]).toBe(1_000);
    expect(gaps[1]).toBe(500);
    for (const [at, gap] of gaps.slice(2).entries()) {
      expect(gap).toBeGreaterThanOrEqual(gaps[at + 1] ?? 0);
      expect(gap).toBeLessThanOrEqual(5_000);
    }
  });

  it('needs few reads for a run whose time is known', async () => {
    const pace = paceFor({ meanMs: 20_000, deviationMs: 2_000 });
    expect(pace.firstMs).toBeGreaterThanOrEqual(18_000);
    expect(pace.firstMs).toBeLessThan(20_000);
    const { ended, readsAtMs } = await wait(['running', 'done'], { pace });
    expect(readsAtMs).toHaveLength(2);
    expect(ended.kind).toBe('done');
  });

  it('guesses that it was done in the middle of the last step', async () => {
    const { ended, readsAtMs } = await wait(['running', 'done']);
    expect(ended).toEqual({ kind: 'done', atMs: (readsAtMs[1] ?? 0) - 250 });
  });

  it('repeats reads that fail, whatever they fail with', async () => {
    const { ended, readsAtMs } = await wait([500, 0, 429, 401, 'done']);
    expect(ended.kind).toBe('done');
    expect(readsAtMs).toHaveLength(5);
  });

  it('believes that a request is gone after three looks', async () => {
    expect((await wait([404, 404, 'done'])).ended.kind).toBe('done');
    const { ended, readsAtMs } = await wait([404]);
    expect(ended.kind).toBe('gone');
    expect(readsAtMs).toHaveLength(3);
  });

  it('hands over, and frees its slot, where fal refuses the account', async () => {
    expect((await wait([402, 401, 'done'])).ended.kind).toBe('done');
    const { ended, readsAtMs } = await wait([402]);
    expect(ended.kind).toBe('refused');
    expect(readsAtMs).toHaveLength(3);
  });

  it('gives up at its deadline', async () => {
    expect((await wait(['running'], { deadlineMs: 60_000 })).ended.kind).toBe('late');
  });

  it("passes each of fal's log lines on once", async () => {
    const lines: string[] = [];
    let reads = 0;
    await waitUntilDone(
      {
        status: async () => {
          reads += 1;
          const logs = ['first', 'second', 'third'].slice(0, reads);
          return {
            state: reads === 3 ? 'done' : 'running',
            queuePosition: undefined,
            logs,
            inferenceMs: undefined,
            failure: undefined,
          };
        },
        clock: () => 0,
        sleep: async () => {},
        onLogs: (more) => lines.push(...more),
      },
      paceFor(undefined),
      1,
      NEVER,
    );
    expect(lines).toEqual(['first', 'second', 'third']);
  });

  it("rejects with the signal's reason when it aborts: the request goes on at fal", async () => {
    const stop = new AbortController();
    const waiting = waitUntilDone(
      {
        status: async () => {
          stop.abort(new Error('the worker stops'));
          throw new FalError(faultOf(0));
        },
        clock: () => 0,
        sleep: async () => {},
        onLogs: () => undefined,
      },
      paceFor(undefined),
      1,
      stop.signal,
    );
    await expect(waiting).rejects.toThrow('the worker stops');
  });
});

/** 0: no answer at all. */
function faultOf(status: number): FalFault {
  return {
    call: 'status',
    kind: status === 0 ? 'no-answer' : 'http',
    status,
    type: undefined,
    detail: '',
    retryAfterMs: undefined,
    neverStarted: false,
    billableUnits: undefined,
  };
}
