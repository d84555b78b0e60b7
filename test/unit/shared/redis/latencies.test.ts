import { describe, expect, it } from '@jest/globals';
import { blend, Latencies } from '../../../../src/shared/redis/latencies.ts';
import { testRedis } from '../../../support/redis.ts';

describe('how long requests take', () => {
  it('is learned by the smoothing of round-trip times', () => {
    const first = blend(undefined, 1_000);
    expect(first).toEqual({ meanMs: 1_000, deviationMs: 250 });
    expect(blend(first, 1_800)).toEqual({ meanMs: 1_100, deviationMs: 387.5 });
  });

  it('comes near to the truth and then stays there', () => {
    let latency = blend(undefined, 500);
    for (let at = 0; at < 60; at += 1) latency = blend(latency, at % 2 === 0 ? 19_000 : 21_000);
    expect(latency.meanMs).toBeGreaterThan(19_000);
    expect(latency.meanMs).toBeLessThan(21_000);
    expect(latency.deviationMs).toBeLessThan(2_000);
  });

  it('is known to every worker, by the kind of request', async () => {
    await using redis = await testRedis();
    const deps = { redis: redis.client, prefix: redis.prefix };
    const one = new Latencies(deps);
    expect(await one.of('mini|medium|1024x1024|1')).toBeUndefined();
    await one.learn('mini|medium|1024x1024|1', 18_000);
    expect(await new Latencies(deps).of('mini|medium|1024x1024|1')).toEqual({
      meanMs: 18_000,
      deviationMs: 4_500,
    });
    expect(await new Latencies(deps).of('mini|high|1024x1024|1')).toBeUndefined();
  });

  it('is unknown where what stands in Redis is damaged', async () => {
    await using redis = await testRedis();
    await redis.client.hset(`${redis.prefix}:latency`, { kind: '{"m":', other: '{"m":-1,"d":0}' });
    const latencies = new Latencies({ redis: redis.client, prefix: redis.prefix });
    expect(await latencies.of('kind')).toBeUndefined();
    expect(await latencies.of('other')).toBeUndefined();
  });
});
