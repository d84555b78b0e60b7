import { describe, expect, it } from '@jest/globals';
import { EndpointStops } from '../../../../src/shared/requests/endpoint-stops.ts';
import {
  allows,
  isAtRest,
  STATES,
  TRANSITIONS,
  type TransitionName,
} from '../../../../src/shared/requests/states.ts';
import { openDesk, PRICE } from '../../../support/desk.ts';

// The keys of the table are the names.
const NAMES = Object.keys(TRANSITIONS) as TransitionName[];

describe('the stop of an endpoint, once it is lifted', () => {
  const endpoint = 'acme/old';

  it('lets no request go that had reserved before the stop, beside the one that goes first', async () => {
    await using desk = await openDesk();
    const [early = '', first = '', other = ''] = await desk.open('b', 3);
    const stops = new EndpointStops({ redis: desk.redis.client, prefix: desk.redis.prefix });
    await desk.step('reserve', early, { endpoint });
    await stops.stop(endpoint, 'gone');
    await stops.lift();
    expect((await desk.step('confirm', early, { endpoint })).code).toBe('stopped');
    expect((await desk.step('reserve', first, { endpoint })).code).toBe('ok');
    expect((await desk.step('confirm', first, { endpoint })).code).toBe('ok');
    expect((await desk.step('reserve', other, { endpoint })).code).toBe('wait');
    const accepted = await desk.step('accept', first, { endpoint });
    expect(accepted).toMatchObject({ code: 'ok', woken: [{ request: other }] });
    expect((await desk.step('release', early)).code).toBe('ok');
    expect((await desk.step('reserve', early, { endpoint })).code).toBe('ok');
  });
});

describe('a record', () => {
  it.each(STATES)('in state %s allows what the table allows and refuses everything else', async (state) => {
    await using desk = await openDesk();
    const requests = await desk.open('b', NAMES.length);
    for (const [at, name] of NAMES.entries()) {
      const request = requests[at] ?? '';
      await desk.bring(request, state);
      const before = await desk.records.read(request);
      const { needs, to } = TRANSITIONS[name];
      const met = needs !== 'booked' || before?.reserved === undefined;
      const expected = allows(name, state) && met;
      const outcome = await desk.step(name, request);
      expect({ name, code: outcome.code }).toEqual({ name, code: expected ? 'ok' : 'state' });
      const after = await desk.records.read(request);
      expect(after?.state).toBe(expected ? to : state);
      if (!expected) expect(after).toEqual(before);
    }
    const { counts, reserved } = (await desk.batches.read('b')) ?? {};
    expect(Object.values(counts ?? {}).reduce((sum, one) => sum + one, 0)).toBe(NAMES.length);
    const all = await Promise.all(requests.map((request) => desk.records.read(request)));
    expect(reserved).toBe(all.reduce((sum, one) => sum + (one?.reserved ?? 0), 0));
    const open = await desk.redis.client.smembers(`${desk.redis.prefix}:open:b`);
    expect(open).toHaveLength(all.filter((one) => one !== undefined && !isAtRest(one.state)).length);
  });

  it('whose cost is booked can neither be run again nor be unknown: what was paid is not paid again', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    await desk.bring(request, 'submitted');
    await desk.step('book', request);
    expect((await desk.step('rerun', request)).code).toBe('state');
    expect((await desk.step('lose', request)).code).toBe('state');
    expect((await desk.step('store', request)).code).toBe('ok');
  });

  it('is booked once: a second booking adds nothing', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    await desk.bring(request, 'submitted');
    await desk.step('book', request);
    await desk.step('book', request);
    expect(await desk.batches.read('b')).toMatchObject({ spent: PRICE, reserved: 0, imagesPaid: 1 });
  });

  it('raises its round with every return to planned, and forgets what belongs to the round before', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    for (const [round, way] of [
      [1, ['reserve', 'release']],
      [2, ['reserve', 'lose', 'absent']],
      [3, ['reserve', 'accept', 'rerun']],
      [4, ['hold', 'unhold']],
    ] as const) {
      for (const name of way) expect((await desk.step(name, request)).code).toBe('ok');
      expect(await desk.records.read(request)).toMatchObject({
        state: 'planned',
        round,
        requestId: undefined,
        intentAtMs: undefined,
        reserved: undefined,
      });
    }
    expect(await desk.batches.read('b')).toMatchObject({ reserved: 0, spent: 0 });
  });

  it("takes one id of fal's for one request and round alone", async () => {
    await using desk = await openDesk();
    const [first = '', second = ''] = await desk.open('b', 2);
    await desk.step('reserve', first);
    await desk.step('reserve', second);
    expect((await desk.step('accept', first, { takeId: 'an-id' })).code).toBe('ok');
    expect((await desk.step('accept', second, { takeId: 'an-id' })).code).toBe('taken');
    expect((await desk.records.read(second))?.state).toBe('submitting');
  });

  it('that is gone refuses every step', async () => {
    await using desk = await openDesk();
    for (const name of NAMES) expect((await desk.step(name, 'b.0.0')).code).toBe('absent');
    expect(await desk.records.activate('b.0.0', 'generate')).toBeUndefined();
  });
});

describe('an activation', () => {
  it('refuses whoever worked on the record before', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    const zombie = await desk.records.activate(request, 'generate');
    expect((await desk.step('reserve', request, { epoch: zombie?.epoch ?? 0 })).code).toBe('ok');
    const next = await desk.records.activate(request, 'generate');
    const before = await desk.records.read(request);
    for (const name of NAMES) {
      expect((await desk.step(name, request, { epoch: zombie?.epoch ?? 0 })).code).toBe('stale');
    }
    expect(await desk.records.read(request)).toEqual(before);
    expect((await desk.step('release', request, { epoch: next?.epoch ?? 0 })).code).toBe('ok');
  });

  it('by a queue that does not work on its state leaves it in the hands that do', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    const run = await desk.records.activate(request, 'generate');
    const epoch = run?.epoch ?? 0;
    await desk.step('reserve', request, { epoch });
    await desk.records.activate(request, 'collect');
    await desk.records.activate(request, 'render');
    expect((await desk.step('confirm', request, { epoch })).code).toBe('ok');
  });

  it('is had by one of many at a time: the last one', async () => {
    await using desk = await openDesk();
    const [request = ''] = await desk.open('b', 1);
    const runs = await Promise.all(
      Array.from({ length: 20 }, () => desk.records.activate(request, 'generate')),
    );
    const epochs = runs.map((run) => run?.epoch ?? 0);
    expect(new Set(epochs).size).toBe(20);
    const outcomes = await Promise.all(epochs.map((epoch) => desk.step('reserve', request, { epoch })));
    const winners = outcomes.flatMap(({ code }, at) => (code === 'ok' ? [epochs[at]] : []));
    expect(winners).toEqual([Math.max(...epochs)]);
  });
});

describe('a word', () => {
  it.each(['paused', 'held', 'cancelled'] as const)(
    'of %s refuses what would lead to a submit, and nothing else',
    async (word) => {
      await using desk = await openDesk();
      const [planned = '', submitting = '', submitted = ''] = await desk.open('b', 3);
      await desk.bring(submitting, 'submitting');
      await desk.bring(submitted, 'submitted');
      await desk.batches.setWord('b', word);
      expect(await desk.step('reserve', planned)).toMatchObject({ code: 'word', reason: word });
      expect(await desk.step('confirm', submitting)).toMatchObject({ code: 'word', reason: word });
      expect((await desk.step('book', submitted)).code).toBe('ok');
      expect((await desk.step('release', submitting)).code).toBe('ok');
    },
  );

  it('of a stop refuses the submits of all batches, with the reason of the first', async () => {
    await using desk = await openDesk();
    const [one = ''] = await desk.open('one', 1);
    const [two = ''] = await desk.open('two', 1);
    await desk.batches.stop({ code: 'balance', reason: 'the first' });
    await desk.batches.stop({ code: 'key', reason: 'the second' });
    expect(await desk.step('reserve', one)).toMatchObject({ code: 'stopped', reason: 'the first' });
    expect(await desk.step('reserve', two)).toMatchObject({ code: 'stopped', reason: 'the first' });
    await desk.batches.unstop();
    expect((await desk.step('reserve', two)).code).toBe('ok');
  });
});

describe('a claim', () => {
  it('on an image is had by one of many that race for it; the others are woken when it is given up', async () => {
    await using desk = await openDesk();
    const requests = await desk.open('b', 30);
    const take = { shotKey: 'the-shot', indices: [0, 1], price: PRICE };
    const outcomes = await Promise.all(requests.map((request) => desk.step('reserve', request, { take })));
    expect(outcomes.filter(({ code }) => code === 'ok')).toHaveLength(1);
    expect(outcomes.filter(({ code }) => code === 'claimed')).toHaveLength(29);
    expect(await desk.batches.read('b')).toMatchObject({ reserved: PRICE });

    const owner = requests[outcomes.findIndex(({ code }) => code === 'ok')] ?? '';
    const released = await desk.step('fail', owner);
    expect(released.code === 'ok' ? released.woken : []).toHaveLength(29);
    expect(await desk.redis.client.exists(`${desk.redis.prefix}:claim:the-shot`)).toBe(0);
  });

  it('is refused where it overlaps by a single image, and taken where it does not', async () => {
    await using desk = await openDesk();
    const [a = '', b = '', c = ''] = await desk.open('b', 3);
    const take = (indices: readonly number[]) => ({ take: { shotKey: 'the-shot', indices, price: PRICE } });
    expect((await desk.step('reserve', a, take([0, 1]))).code).toBe('ok');
    expect(await desk.step('reserve', b, take([1, 2]))).toMatchObject({ code: 'claimed', owner: a });
    expect((await desk.step('reserve', c, take([2, 3]))).code).toBe('ok');
  });

  it('is kept while it is unknown whether it was accepted', async () => {
    await using desk = await openDesk();
    const [a = '', b = ''] = await desk.open('b', 2);
    const take = { shotKey: 'the-shot', indices: [0], price: PRICE };
    await desk.step('reserve', a, { take });
    await desk.step('lose', a);
    expect((await desk.step('reserve', b, { take })).code).toBe('claimed');
    expect((await desk.step('absent', a)).code).toBe('ok');
    expect((await desk.step('reserve', b, { take })).code).toBe('ok');
  });
});

describe('a cap', () => {
  it.each([
    ['batch', { cap: 5 * PRICE + 1 }, {}],
    ['day', {}, { daily: 5 * PRICE + 1, monthly: undefined }],
    ['month', {}, { daily: undefined, monthly: 5 * PRICE + 1 }],
  ] as const)(
    'on a %s is not exceeded by a cent, whatever number of requests race for it',
    async (scope, batch, caps) => {
      await using desk = await openDesk({ caps: { daily: undefined, monthly: undefined, ...caps } });
      const requests = await desk.open('b', 40, batch);
      const outcomes = await Promise.all(requests.map((request) => desk.step('reserve', request)));
      expect(outcomes.filter(({ code }) => code === 'ok')).toHaveLength(5);
      const waiting = outcomes.find(({ code }) => code === 'wait');
      expect(waiting).toMatchObject({ code: 'wait', scope: expect.stringContaining(`${scope}:`) });
      expect((await desk.batches.read('b'))?.reserved).toBe(5 * PRICE);
    },
  );

  it('that is woken into its next round is out of the hands of a run of the round before', async () => {
    await using desk = await openDesk();
    const [first = '', second = ''] = await desk.open('b', 2, { cap: PRICE });
    await desk.step('reserve', first);
    expect((await desk.step('reserve', second)).code).toBe('wait');
    // A job that was taken up again, its worker having died behind that answer.
    const run = await desk.records.activate(second, 'generate');
    await desk.step('release', first);
    expect(await desk.records.read(second)).toMatchObject({ epoch: run?.epoch, round: 1 });

    const { epoch = -1, round = -1 } = run ?? {};
    expect((await desk.step('reserve', second, { epoch, round })).code).toBe('stale');
    expect((await desk.step('reserve', second, { epoch, round: 1 })).code).toBe('ok');
  });

  it('wakes who waits when something reserved is given back', async () => {
    await using desk = await openDesk();
    const [a = '', b = ''] = await desk.open('b', 2, { cap: PRICE });
    await desk.step('reserve', a);
    expect((await desk.step('reserve', b)).code).toBe('wait');
    expect(await desk.step('release', a)).toMatchObject({ code: 'ok', woken: [{ request: b, round: 1 }] });
    expect((await desk.step('reserve', b)).code).toBe('ok');
  });

  it('holds what nothing reserved could make room for, and the whole batch where not even the cheapest fits', async () => {
    await using desk = await openDesk();
    const [a = '', dear = '', b = ''] = await desk.open('b', 3, { cap: 2 * PRICE });
    await desk.bring(a, 'generated');
    const take = { shotKey: 'dear', indices: [0], price: 2 * PRICE };
    expect(await desk.step('reserve', dear, { take })).toMatchObject({ code: 'held', whole: false });
    await desk.bring(b, 'generated');
    const [c = ''] = await desk.open('b', 4).then((all) => all.slice(3));
    expect(await desk.step('reserve', c)).toMatchObject({ code: 'held', whole: true });
    expect(await desk.batches.read('b')).toMatchObject({
      word: 'held',
      heldBy: { scope: 'batch:b', limit: 2 * PRICE },
      counts: { held: 2 },
    });

    await desk.batches.setCap('b', 10 * PRICE);
    await desk.batches.setWord('b', 'running');
    const found = [];
    for await (const chunk of desk.records.jobless('b', 'unhold')) found.push(...chunk);
    expect(
      found
        .filter(({ queue }) => queue === 'generate')
        .map(({ request }) => request)
        .sort(),
    ).toEqual([dear, c].sort());
    expect((await desk.step('reserve', dear, { take })).code).toBe('ok');
  });

  it('counts the cost where it was reserved, also when it is booked above that', async () => {
    await using desk = await openDesk();
    const [a = ''] = await desk.open('b', 1);
    await desk.bring(a, 'submitted');
    await desk.step('book', a, { book: { cost: 3 * PRICE, images: 1 } });
    expect(await desk.batches.read('b')).toMatchObject({ reserved: 0, spent: 3 * PRICE });
  });
});
