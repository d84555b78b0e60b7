import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { untilAtRest } from '../../../chaos/at-rest.ts';
import { inspectStage } from '../../../chaos/invariants.ts';
import { tapOf } from '../../../chaos/points.ts';
import { untilDead } from '../../../chaos/processes.ts';
import { produce } from '../../../chaos/produce.ts';
import { openStage } from '../../../chaos/stage.ts';

const ROWS = [
  { id: 'mug', prompt: 'a mug' },
  { id: 'tee', prompt: 'a tee' },
];
const CAP_MICRO_USD = 100_000;
const LIST = { batch: 'spring', rows: ROWS, capMicroUsd: CAP_MICRO_USD, regenerate: 2 };

/** In the order of the step; the worker meets none of them but there, since another process queued the list. */
const POINTS = [
  'after journal.writeEvent',
  'after batches.setCap',
  'before journal.writeHead',
  'before journal.writeChunk',
  'before records.create',
  'after records.create',
  'before batches.complete',
  'after batches.complete',
];

describe('a worker that dies while it has a failed picture made again', () => {
  it.each(POINTS)(
    '%s leaves one regeneration, paid once, inside the cap',
    async (point) => {
      const redisUrl = process.env['TEST_REDIS_URL'];
      if (redisUrl === undefined) throw new Error('TEST_REDIS_URL is set by test/support/global-setup.ts');
      await using stage = await openStage({ redisUrl });
      stage.fal.faults.add({
        on: 'media',
        kind: 'other-size',
        times: 1,
        when: ({ input }) => input?.['prompt'] === 'a tee',
      });
      await produce({ ...stage.spec(), list: LIST, operations: 'none' }, tapOf([]), silentLogger);
      const worker = await stage.startProcess('worker', { deaths: [{ point, nth: 1, signal: 'SIGKILL' }] });
      expect(await untilDead(worker)).toBe(true);
      expect(worker.wasKilled()).toBe(true);

      await using _healthy = await stage.startHealthy();
      expect(await untilAtRest(stage, ['spring', 'spring.again1'])).toBe(true);
      const found = await inspectStage(stage, [
        { batch: 'spring', rows: ROWS, ends: new Map([['tee', 'wrong_size']]) },
        { batch: 'spring.again1', rows: ROWS.slice(1), ends: new Map() },
      ]);
      expect(found.violations).toEqual([]);
      expect(stage.fal.book.charged()).toHaveLength(3);
      expect(stage.posts.toSorted()).toEqual(['a mug', 'a tee', 'a tee']);
      const root = await stage.batches.read('spring');
      const again = await stage.batches.read('spring.again1');
      expect((root?.cap ?? 0) + (again?.cap ?? 0)).toBe(CAP_MICRO_USD);
      expect(root?.cap).toBe(root?.spent);
      expect(await stage.journal.readHead('spring.again2')).toBeUndefined();
    },
    120_000,
  );
});
