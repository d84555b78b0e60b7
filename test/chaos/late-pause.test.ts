import { expect, it } from '@jest/globals';
import { runCrash } from './crash-points.ts';

it('a pause of the queue that comes after the resume holds nothing back', async () => {
  const redisUrl = process.env['TEST_REDIS_URL'];
  if (redisUrl === undefined) throw new Error('TEST_REDIS_URL is set by test/support/global-setup.ts');
  const rows = [
    { id: 'mug', prompt: 'a mug' },
    { id: 'bowl', prompt: 'a bowl' },
  ];
  // Frozen between the stop and the pause; the stop is lifted meanwhile.
  const { reached, violations } = await runCrash(
    { process: 'worker', deaths: [{ point: 'before queues.pauseGenerate', nth: 1, signal: 'SIGSTOP' }] },
    {
      redisUrl,
      list: { batch: 'late', rows },
      wanted: { batch: 'late', rows, ends: new Map() },
      prepare: ({ fal }) => {
        fal.faults.add({ on: 'submit', kind: 'unauthorized', times: 1 });
      },
      restLimitMs: 30_000,
    },
  );
  expect(reached).toBe(1);
  expect(violations).toEqual([]);
}, 120_000);
