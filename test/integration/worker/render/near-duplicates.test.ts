import { describe, expect, it, jest } from '@jest/globals';
import { rgbaToThumbHash } from 'thumbhash';
import { Batches } from '../../../../src/shared/requests/batches.ts';
import { Restore } from '../../../../src/shared/requests/restore.ts';
import { createNearDuplicates, type Met } from '../../../../src/worker/render/near-duplicates.ts';
import { type TestRedis, testRedis } from '../../../support/redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(120_000);

const TTL_H = 2;

function indexOf({ client, prefix }: TestRedis) {
  return createNearDuplicates({ redis: client, prefix, ttlH: TTL_H });
}

/** A picture of one colour; what it shows is in the hash alone. */
function met(shot: string, pHash: string, colour = '#808080', batch = 'spring'): Met {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const pixels = Buffer.from(Array.from({ length: 16 }, () => [red, green, blue, 255]).flat());
  const thumbHash = Buffer.from(rgbaToThumbHash(4, 4, pixels)).toString('base64');
  return { batch, shot, look: { thumbHash, pHash } };
}

/** Another hash, with these of the 64 bits turned; 0 is the last. */
function turned(pHash: string, bits: readonly number[]): string {
  const mask = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  return (BigInt(`0x${pHash}`) ^ mask).toString(16).padStart(16, '0');
}

const HASH = 'c3a51e9069f00b7d';

describe('pictures of a batch that look nearly the same', () => {
  it('are found by up to three bits in any place, and no more; the later one names the one before', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    expect(await index.meet(met('first', HASH), 'kept')).toBeUndefined();
    // Every pair of bits, and a third one: whatever three bits are turned, a field is left that both share.
    for (let bit = 0; bit < 64; bit += 1) {
      const near = turned(HASH, [bit, (bit + 1) % 64, (bit + 23) % 64]);
      expect(await index.meet(met('near', near), 'dropped')).toBe('first');
      const far = turned(HASH, [bit, (bit + 1) % 64, (bit + 23) % 64, (bit + 32) % 64]);
      expect(await index.meet(met('far', far), 'kept')).toBeUndefined();
      await index.forget(met('far', far));
    }
    expect(await index.meet(met('fourth', turned(HASH, [0, 1, 2, 3])), 'kept')).toBeUndefined();
  });

  it('are nearly of the same colours: a red mug is not a blue one', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    expect(await index.meet(met('red', HASH, '#c04040'), 'kept')).toBeUndefined();
    expect(await index.meet(met('blue', HASH, '#4040c0'), 'kept')).toBeUndefined();
    expect(await index.meet(met('red-2', HASH, '#c04242'), 'kept')).toBe('red');
    expect(await index.meet(met('blue-2', HASH, '#4240c0'), 'kept')).toBe('blue');
  });

  it('are never two of one shot, nor of two batches', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    expect(await index.meet(met('mug', HASH), 'kept')).toBeUndefined();
    expect(await index.meet(met('mug', turned(HASH, [5])), 'kept')).toBeUndefined();
    expect(await index.meet(met('cup', HASH, '#808080', 'autumn'), 'kept')).toBeUndefined();
    expect(await index.meet(met('cup', turned(HASH, [5, 6])), 'kept')).toBe('mug');
  });

  it('the nearest is named, whatever letters its id has', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    const name = `Tasse "weiß" 茶碗/\n${'x'.repeat(480)}`;
    await index.meet(met('three', turned(HASH, [1, 20, 40])), 'kept');
    await index.meet(met(name, turned(HASH, [60])), 'kept');
    expect(await index.meet(met('new', HASH), 'kept')).toBe(name);
  });

  it('a picture that is rendered again answers as before, also where one like it came meanwhile', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    const near = turned(HASH, [7]);
    await index.meet(met('first', HASH), 'kept');
    expect(await index.meet(met('second', near), 'kept')).toBe('first');
    const stands = await redis.client.hgetallBuffer(`${redis.prefix}:alike:spring`);
    expect(await index.meet(met('first', HASH), 'kept')).toBeUndefined();
    expect(await index.meet(met('second', near), 'kept')).toBe('first');
    expect(await redis.client.hgetallBuffer(`${redis.prefix}:alike:spring`)).toEqual(stands);
  });

  it('of two at once one is the first', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) => index.meet(met(`shot-${at}`, turned(HASH, [at % 3])), 'kept')),
    );
    expect(answers.filter((one) => one === undefined)).toHaveLength(1);
  });

  it('what is dropped for its likeness, or forgotten, is none that others look like', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    await index.meet(met('first', HASH), 'dropped');
    expect(await index.meet(met('second', turned(HASH, [0, 1, 2])), 'dropped')).toBe('first');
    // Three bits from the second, and six from the first.
    expect(await index.meet(met('third', turned(HASH, [0, 1, 2, 3, 4, 5])), 'dropped')).toBeUndefined();
    await index.forget(met('first', HASH));
    expect(await index.meet(met('second', turned(HASH, [0, 1, 2])), 'dropped')).toBe('third');
    await index.forget(met('third', turned(HASH, [0, 1, 2, 3, 4, 5])));
    expect(await redis.client.exists(`${redis.prefix}:alike:spring`)).toBe(0);
  });

  it('take no room and no work where all are the same, and bounded room where all are nearly so', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    const key = `${redis.prefix}:alike:spring`;
    for (let at = 0; at < 50; at += 1)
      await index.meet(met(`white-${at}`, '0'.repeat(16), '#ffffff'), 'kept');
    expect(await redis.client.hlen(key)).toBe(4);
    const [one = Buffer.alloc(0)] = await redis.client.hvalsBuffer(key);
    expect(one.length).toBe(22 + 'white-0'.length);

    // The bits of one field are the same in all of them.
    const free = [62, 61, 60, 58, 57, 56, 30, 29, 28];
    const numbered = (at: number) =>
      turned(
        HASH,
        free.filter((_, place) => ((at >> place) & 1) === 1),
      );
    for (let at = 0; at < 300; at += 1) {
      const colour = at % 2 === 0 ? '#202020' : '#e0e0e0';
      await index.meet(met(`s-${at}`, numbered(at), colour, 'large'), 'kept');
    }
    const fields = await redis.client.hgetallBuffer(`${redis.prefix}:alike:large`);
    const most = Math.max(...Object.values(fields).map((field) => field.length));
    expect(most).toBeLessThanOrEqual(256 * (22 + 's-299'.length));
    // The newest are those that stay.
    expect(await index.meet(met('new', numbered(299), '#e0e0e0', 'large'), 'kept')).toBe('s-299');
  });

  it('are forgotten with their batch, and by a rebuild of it', async () => {
    await using redis = await testRedis();
    const index = indexOf(redis);
    const key = `${redis.prefix}:alike:spring`;
    const { client, prefix } = redis;
    const batches = new Batches({ redis: client, prefix, clock: Date.now });
    await client.hset(`${prefix}:batch:spring`, { digest: 'd', word: 'running' });
    await index.meet(met('first', HASH), 'kept');
    expect(await client.ttl(key)).toBe(-1);
    await client.hset(`${prefix}:batch:spring`, 'done', '1');
    await batches.summarized('spring', 100);
    expect(await client.ttl(key)).toBeGreaterThan(0);
    // What is made again of a batch that has ended.
    await index.meet(met('second', turned(HASH, [9])), 'kept');
    expect(await client.ttl(key)).toBeGreaterThan(3_600);
    // A person has failures tried again: it is under way once more.
    await client.persist(`${prefix}:batch:spring`);
    await index.meet(met('third', turned(HASH, [10])), 'kept');
    expect(await client.ttl(key)).toBe(-1);

    const restore = new Restore({ redis: client, prefix, ttlH: TTL_H });
    await restore.claim('spring', { code: 'rebuild', reason: 'rebuild' });
    await restore.wipeBatch('spring');
    expect(await client.exists(key)).toBe(0);
  });

  it('a picture whose request fails by another one of it is none that others look like', async () => {
    await using workshop = await openWorkshop();
    const { fal, redis, shop } = workshop;
    fal.faults.add({ on: 'media', kind: 'other-size', when: ({ path }) => /1\.png$/.test(path) });
    // One request of two pictures: the first is as it should be.
    await workshop.enqueueRows([{ id: 'mug', prompt: 'a mug', variants: '2' }], { batch: 'failing' });
    await workshop.enqueueRows([{ id: 'tee', prompt: 'a tee' }], { batch: 'passing' });
    await workshop.startWorker();
    await workshop.untilEnded('failing');
    await workshop.untilEnded('passing');
    const states = ['failing', 'passing'].map(async (batch) => (await shop.batches.read(batch))?.counts);
    expect(await Promise.all(states)).toMatchObject([{ failed: 1 }, { delivered: 1 }]);
    expect(await redis.client.exists(`${redis.prefix}:alike:failing`)).toBe(0);
    expect(await redis.client.exists(`${redis.prefix}:alike:passing`)).toBe(1);
  });
});
