import { describe, expect, it } from '@jest/globals';
import { Settlements } from '../../../../src/shared/ledger/counters.ts';
import { restoreSpent } from '../../../../src/shared/ledger/spent.ts';
import { answersOf, countOf, flagOf, integerOf } from '../../../../src/shared/redis/answers.ts';
import type { Redis } from '../../../../src/shared/redis/redis.ts';
import { Batches } from '../../../../src/shared/requests/batches.ts';
import { Records } from '../../../../src/shared/requests/records.ts';
import { RedisMemory } from '../../../../src/shared/requests/redis-continuity.ts';
import { type Desk, openDesk } from '../../../support/desk.ts';
import { testRedis } from '../../../support/redis.ts';

const OPERATOR = { code: 'operator', reason: 'operator: paused' } as const;

/** A connection whose scripts all answer this. */
function answering(client: Redis, answer: unknown): Redis {
  return new Proxy(client, {
    get(target, name) {
      if (name === 'eval') return async () => answer;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function memoryOf({ redis }: Desk, newest: string | undefined): RedisMemory {
  return new RedisMemory({
    redis: redis.client,
    prefix: redis.prefix,
    journal: {
      newestLife: async () => newest,
      writeLife: async () => {},
      readMark: async () => 5,
      writeMark: async () => {},
    },
    hasUnfinished: async () => false,
    restoreSpent: async () => {},
    clock: Date.now,
  });
}

describe('an answer of Redis that is none', () => {
  it('is no missing record: one that cannot be read is a fault', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 3);
    await desk.redis.client.del(`${desk.redis.prefix}:rec:${request}`);
    await desk.redis.client.set(`${desk.redis.prefix}:rec:${request}`, 'of another kind');
    const read = async () => {
      for await (const _ of desk.records.open('b'));
    };
    await expect(read()).rejects.toThrow('WRONGTYPE');
  });

  it('is no money unspent: a counter that is no number is a fault', async () => {
    await using desk = await openDesk();
    await desk.open('b', 1);
    const money = `${desk.redis.prefix}:money:`;
    await desk.redis.client.hset(`${money}batch:b`, 's', 'much');
    await desk.redis.client.hset(`${money}day:2026-11-24`, 'r', '1.5');
    await expect(desk.batches.read('b')).rejects.toMatchObject({ name: 'MalformedError' });
    await expect(desk.batches.money('day:2026-11-24')).rejects.toMatchObject({ name: 'MalformedError' });
    expect(await desk.batches.money('day:2026-11-25')).toEqual({ reserved: 0, spent: 0 });
  });

  it('is no sound memory: counts that are no numbers ask for a rebuild, and are not "nothing was forgotten"', async () => {
    await using desk = await openDesk();
    const life = '00000000000001-aaaaaaaa';
    await desk.redis.client.hset(`${desk.redis.prefix}:memory`, { life, tick: 'many' });
    await expect(memoryOf(desk, life).open()).rejects.toMatchObject({ code: 'redis_lost' });
  });

  it('is no "it was written": a step of a transaction that failed is told', async () => {
    await using redis = await testRedis();
    const batches = new Batches({ redis: redis.client, prefix: redis.prefix, clock: Date.now });
    await redis.client.set(`${redis.prefix}:stop`, 'of another kind');
    await expect(batches.stop(OPERATOR)).rejects.toThrow('WRONGTYPE');
    await redis.client.set(`${redis.prefix}:money:day:2026-11-24`, 'of another kind');
    const restored = restoreSpent(
      { redis: redis.client, prefix: redis.prefix },
      { scopes: new Map([['day:2026-11-24', 1]]) },
    );
    await expect(restored).rejects.toThrow('WRONGTYPE');
  });

  it('is no missing stop: half of one stops', async () => {
    await using redis = await testRedis();
    const batches = new Batches({ redis: redis.client, prefix: redis.prefix, clock: Date.now });
    await redis.client.hset(`${redis.prefix}:stop`, 'code', 'balance');
    expect(await batches.stopped()).toMatchObject({ code: 'balance' });
  });

  it.each([null, undefined, '1', 'OK', 2, []])('is no "no": a script that answers %j', async (answer) => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    const { client, prefix } = desk.redis;
    const redis = answering(client, answer);
    const batches = new Batches({ redis, prefix, clock: Date.now });
    const records = new Records({
      redis,
      prefix,
      clock: Date.now,
      ttlH: 1,
      stopAfterFailures: 5,
      caps: { daily: undefined, monthly: undefined },
    });
    const settled = new Settlements({ redis, prefix }).areSettled([
      { idSegment: 'i', batch: 'b', bookedDay: '2026-11-24', trueMicroUsd: 1 },
    ]);
    for (const asked of [
      records.needsHand(request, 'generate'),
      records.noteWithdrawal(request, 'id', undefined),
      records.transition('reserve', { request }),
      batches.complete('b'),
      batches.setCap('b', 1),
      batches.unstop(),
      settled,
    ])
      await expect(asked).rejects.toThrow();
  });
});

describe('the shapes of answers', () => {
  it('are taken where they are what the command promises', async () => {
    expect([flagOf('X', 0), flagOf('X', 1)]).toEqual([false, true]);
    expect([integerOf('X', 7), integerOf('X', '-7')]).toEqual([7, -7]);
    expect([countOf('X', undefined), countOf('X', null), countOf('X', '12')]).toEqual([0, 0, 12]);
    expect(
      await answersOf(
        Promise.resolve([
          [null, 'a'],
          [null, null],
        ]),
      ),
    ).toEqual(['a', null]);
  });

  it('are faults otherwise, with what came', async () => {
    expect(() => flagOf('NEEDS_HAND', null)).toThrow(
      'Redis answered NEEDS_HAND with null, which it never promises.',
    );
    for (const text of ['', ' ', 'x', '1.5', '1e3', 'NaN'])
      expect(() => integerOf('X', text)).toThrow('never promises');
    await expect(answersOf(Promise.resolve(null))).rejects.toMatchObject({ name: 'UnavailableError' });
  });
});
