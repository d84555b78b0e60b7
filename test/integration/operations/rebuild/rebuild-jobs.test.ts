import { describe, expect, it } from '@jest/globals';
import { REBUILD_STOP } from '../../../../src/operations/rebuild/stops.ts';
import { Queues } from '../../../../src/shared/queues/queues.ts';
import { Restore } from '../../../../src/shared/requests/restore.ts';
import { jobIdOf } from '../../../../src/shared/store/keys.ts';
import { replaced } from '../../../chaos/points.ts';
import { testRedis } from '../../../support/redis.ts';

const callOf = (request: string) => ({ request, round: 0, priority: 1_000 });

describe('a rebuild of Redis', () => {
  it('leaves no half of a job that a worker adds while it forgets the others', async () => {
    await using redis = await testRedis();
    await using queues = new Queues(redis);
    await queues.add('collect', [callOf('cups.0.0')]);
    let isAdded = false;
    const client = replaced(redis.client, async (method, _args, call) => {
      const answer = await call();
      if (method === 'scan' && !isAdded) {
        isAdded = true;
        await queues.add('collect', [callOf('cups.1.0')]);
      }
      return answer;
    });
    const restore = new Restore({ redis: client, prefix: redis.prefix, ttlH: 1 });
    await restore.claim(undefined, REBUILD_STOP);
    await restore.wipe();

    const stateOf = (request: string) => queues.queue('collect').getJobState(jobIdOf(request, 0));
    const isThere = (request: string) => queues.queue('collect').getJob(jobIdOf(request, 0));
    expect(isAdded).toBe(true);
    expect(await isThere('cups.0.0')).toBeUndefined();
    expect((await isThere('cups.1.0'))?.id).toBe(jobIdOf('cups.1.0', 0));
    expect(await stateOf('cups.1.0')).toBe('prioritized');
  });
});
