import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import type { Reading, Window } from '../../../../src/shared/fal/history.ts';
import { createReadings } from '../../../../src/worker/generate/readings.ts';
import { createWaker } from '../../../../src/worker/generate/waker.ts';

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

function openReadings() {
  const windows: Window[] = [];
  const clock = { nowMs: 10 * HOUR_MS };
  const ends: ((reading: Reading) => void)[] = [];
  const readings = createReadings({
    clock: () => clock.nowMs,
    platform: {
      read: (_, window) => {
        windows.push(window);
        return new Promise((resolve) => ends.push(resolve));
      },
    },
  });
  return { windows, clock, ends, readings };
}

describe('readings of fal’s list', () => {
  it('serve everybody who asks for what one of them holds, while it is read and afterwards', async () => {
    const { windows, clock, ends, readings } = openReadings();
    const askedMs = clock.nowMs;
    const ask = (fromMs: number, begunFromMs: number) => readings.read('e', { fromMs, begunFromMs }, NEVER);
    const asked = [1, 2, 3].map((at) => ask(askedMs - HOUR_MS / 2 + at, askedMs));
    const reading = { entries: [], begunAtMs: askedMs, falAheadMs: 0 };
    ends[0]?.(reading);
    expect(await Promise.all(asked)).toEqual([reading, reading, reading]);
    clock.nowMs += 4_000;
    expect(await ask(askedMs - HOUR_MS / 2, askedMs)).toBe(reading);
    expect(windows).toHaveLength(1);
  });

  it('are made again for one who needs a later one, one that reaches back further, or of another endpoint', () => {
    const { windows, clock, readings } = openReadings();
    const fromMs = clock.nowMs - HOUR_MS;
    const ask = (endpoint: string, from: number, begunFromMs: number) =>
      void readings.read(endpoint, { fromMs: from, begunFromMs }, NEVER).catch(() => undefined);
    ask('e', fromMs, 0);
    clock.nowMs += 1;
    ask('e', fromMs, clock.nowMs);
    ask('e', fromMs - 24 * HOUR_MS, 0);
    ask('f', fromMs, 0);
    expect(windows).toHaveLength(4);
  });

  it('go on for the others where one gives up, and are not kept where they fail', async () => {
    const windows: Window[] = [];
    const readings = createReadings({
      clock: () => HOUR_MS,
      platform: {
        read: async (_, window) => {
          windows.push(window);
          throw new Error('away');
        },
      },
    });
    const gone = new AbortController();
    gone.abort(new Error('stopped'));
    await expect(readings.read('e', { fromMs: 0, begunFromMs: 0 }, gone.signal)).rejects.toThrow('stopped');
    for (let at = 0; at < 2; at += 1)
      await expect(readings.read('e', { fromMs: 0, begunFromMs: 0 }, NEVER)).rejects.toThrow('away');
    expect(windows.length).toBeGreaterThan(1);
  });
});

describe('what fal left undecided', () => {
  it('is looked at again 5, 15 and 60 s after an answered POST, and once for many of them', async () => {
    const due: { readonly ms: number; readonly ring: () => void }[] = [];
    const hurried: string[] = [];
    const waker = createWaker({
      undecided: { ofEndpoint: async (endpoint) => [{ request: `${endpoint}.0.0`, round: 3 }] },
      queues: {
        hurry: async (queue, { request, round }) => {
          hurried.push(`${queue} ${request}-${round}`);
        },
      },
      batches: { read: async () => undefined },
      sleep: (ms) =>
        new Promise((ring) => {
          due.push({ ms, ring });
        }),
      log: silentLogger,
    });
    for (let at = 0; at < 4; at += 1) waker.answered('e');
    expect(due.map(({ ms }) => ms)).toEqual([5_000, 15_000, 60_000]);
    due[0]?.ring();
    await new Promise((done) => setImmediate(done));
    expect(hurried).toEqual(['collect e.0.0-3']);
    // Others came in between: they are looked at too.
    expect(due).toHaveLength(6);
    for (const { ring } of due.slice(1)) ring();
    await new Promise((done) => setImmediate(done));
    expect(hurried).toHaveLength(6);
    expect(due).toHaveLength(6);
    waker.close();
  });
});
