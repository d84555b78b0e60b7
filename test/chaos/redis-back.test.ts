import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startRedis } from '../../src/local/redis.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { until } from '../support/fal.ts';
import { untilAtRest } from './at-rest.ts';
import { inspectStage } from './invariants.ts';
import { openOperator } from './operator.ts';
import { tapOf } from './points.ts';
import { produce } from './produce.ts';
import { RestartableRedis } from './restartable-redis.ts';
import { openStage } from './stage.ts';

const ROWS = Array.from({ length: 80 }, (_, at) => ({ id: `row-${at}`, prompt: `a mug number ${at}` }));

it('a Redis that a failover took back in time is noticed by its workers, and nothing is sent until it is rebuilt', async () => {
  await using closers = new Closers();
  const folder = await mkdtemp(join(tmpdir(), 'shotlist-chaos-redis-'));
  closers.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const redis = closers.use(new RestartableRedis(await startRedis({ folder }), folder));
  const stage = closers.use(
    await openStage({ redisUrl: redis.server.url, fal: { slots: 2, latencyMs: 200 } }),
  );
  const list = { batch: 'back', rows: ROWS };
  await produce({ ...stage.spec(), list, operations: 'none' }, tapOf([]), silentLogger);
  await stage.startHealthy();
  const delivered = async () => (await stage.batches.read('back'))?.counts.delivered ?? 0;
  await until(delivered, (count) => count >= 2);

  const saved = await redis.save();
  await stage.redis.set(`${stage.prefix}:written-later`, 'yes');
  const savedAt = stage.fal.book.entries().length;
  await until(
    async () => stage.fal.book.entries().length,
    (sent) => sent >= savedAt + 3,
  );
  await redis.goBack(saved);

  expect(await stage.redis.exists(`${stage.prefix}:written-later`)).toBe(0);
  expect(await stage.redis.exists(`${stage.prefix}:batches`)).toBe(1);
  await until(
    () => stage.batches.stopped(),
    (stop) => stop?.code === 'redis_lost',
  );
  const operator = closers.use(await openOperator(stage.spec()));
  expect(await operator.mustRebuild()).toBe(true);
  const posts = stage.posts.length;
  const open = async () => stage.fal.book.entries().filter(({ endedAtMs }) => endedAtMs === undefined).length;
  await until(open, (count) => count === 0);
  expect(stage.posts.length).toBe(posts);
  await operator.give('rebuild', '');

  expect(await untilAtRest(stage, ['back'])).toBe(true);
  const findings = await inspectStage(stage, [{ batch: 'back', rows: ROWS, ends: new Map() }]);
  expect(findings.violations).toEqual([]);
  expect(findings.images).toBe(ROWS.length);
}, 120_000);
