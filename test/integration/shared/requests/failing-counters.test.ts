import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../../src/shared/base/time.ts';
import { countedOn } from '../../../../src/shared/requests/failing.ts';
import type { Outcome } from '../../../../src/shared/requests/outcome.ts';
import { Records } from '../../../../src/shared/requests/records.ts';
import type { TransitionName } from '../../../../src/shared/requests/states.ts';
import { replaced } from '../../../chaos/points.ts';
import { type Desk, openDesk } from '../../../support/desk.ts';

const failing = (code: string, failures: Parameters<typeof countedOn>[1] = 'final') => ({
  failing: { code, shot: 'mug', message: 'fal answered 422: no.', on: countedOn(code, failures) },
});

/** Fails the request by that code; resolves to whether its batch is held by it. */
async function fail(desk: Desk, request: string | undefined, code = 'refused'): Promise<boolean> {
  return holds(await desk.step('fail', request ?? '', failing(code)));
}

function holds(outcome: Outcome): boolean {
  expect(outcome.code).toBe('ok');
  return outcome.code === 'ok' && outcome.holds === true;
}

const nextOf = (requests: readonly string[]) => {
  let at = 0;
  return () => requests[at++] ?? '';
};

describe('failures in a row with one code', () => {
  it('hold the batch at the limit, in the step that comes to it', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 20));
    for (let nth = 1; nth < 5; nth += 1) expect(await fail(desk, next())).toBe(false);
    expect(await desk.batches.word('b')).toBe('running');
    expect(await fail(desk, next())).toBe(true);
    expect(await desk.batches.read('b')).toMatchObject({
      word: 'held',
      hold: {
        failing: {
          code: 'refused',
          failures: 5,
          request: 'b.4.0',
          shot: 'mug',
          message: 'fal answered 422: no.',
        },
        isNoted: false,
      },
    });
    expect((await desk.batches.behind()).has('b')).toBe(true);
    // What was in flight then is no second hold.
    expect(await fail(desk, next())).toBe(false);
  });

  it('begin at one again with another code, and with a picture that fal made', async () => {
    await using desk = await openDesk();
    const requests = await desk.open('b', 60);
    const next = nextOf(requests);
    for (let nth = 0; nth < 4; nth += 1) await fail(desk, next());
    expect(await fail(desk, next(), 'other')).toBe(false);
    for (let nth = 0; nth < 4; nth += 1) expect(await fail(desk, next())).toBe(false);
    await desk.bring(next(), 'generated');
    // Four times as many from the first good one on.
    for (let nth = 1; nth < 20; nth += 1) expect(await fail(desk, next())).toBe(false);
    expect(await fail(desk, next())).toBe(true);
  });

  it('are not ended by what proves nothing of fal', async () => {
    await using desk = await openDesk();
    const requests = await desk.open('b', 30);
    const next = nextOf(requests);
    const untouched: readonly TransitionName[] = ['adopt', 'cancel', 'hold'];
    for (let nth = 0; nth < 4; nth += 1) {
      expect(await fail(desk, next())).toBe(false);
      await desk.step(untouched[nth % 3] ?? 'adopt', next());
    }
    const withdrawn = next();
    await desk.bring(withdrawn, 'submitted');
    await desk.step('withdraw', withdrawn);
    await desk.step('rerender', requests[0] ?? '');
    expect(await fail(desk, next())).toBe(true);
  });

  it('count apart where pictures are rendered, until one is delivered', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 60));
    for (let nth = 0; nth < 4; nth += 1) {
      const request = next();
      await desk.bring(request, 'rendering');
      expect(await fail(desk, request, 'wrong_size')).toBe(false);
    }
    await fail(desk, next());
    await desk.bring(next(), 'generated');
    const last = next();
    await desk.bring(last, 'rendering');
    expect(await fail(desk, last, 'wrong_size')).toBe(true);
    await desk.batches.setWord('b', 'running');
    await desk.bring(next(), 'delivered');
    for (let nth = 1; nth < 8; nth += 1) {
      const request = next();
      await desk.bring(request, 'rendering');
      expect(await fail(desk, request, 'wrong_size')).toBe(false);
    }
  });

  it('count once where the answer to a step was lost and it was sent again', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 20));
    const redis = replaced(desk.redis.client, async (method, _args, call) => {
      if (method === 'eval') await call();
      return await call();
    });
    const { prefix } = desk.redis;
    const caps = { daily: undefined, monthly: undefined };
    const records = new Records({ redis, prefix, clock: systemClock, ttlH: 1, stopAfterFailures: 5, caps });
    for (let nth = 0; nth < 4; nth += 1)
      expect(holds(await records.transition('fail', { request: next(), ...failing('refused') }))).toBe(false);
    expect(await desk.batches.word('b')).toBe('running');
    await records.transition('fail', { request: next(), ...failing('refused') });
    expect(await desk.batches.read('b')).toMatchObject({ word: 'held', hold: { failing: { failures: 5 } } });
  });

  it('hold nothing where no more than the limit waits, or the limit is 0', async () => {
    await using desk = await openDesk();
    const few = nextOf(await desk.open('few', 10));
    for (let nth = 0; nth < 10; nth += 1) expect(await fail(desk, few())).toBe(false);
    await using off = await openDesk({ stopAfterFailures: 0 });
    const next = nextOf(await off.open('b', 40));
    for (let nth = 0; nth < 30; nth += 1) expect(await fail(off, next())).toBe(false);
  });

  it('hold a list that is still being queued by what is to come of it', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 6, { requests: 40 }));
    for (let nth = 1; nth < 5; nth += 1) await fail(desk, next());
    expect(await fail(desk, next())).toBe(true);
  });

  it('do not count where they are made again by themselves, nor of a picture that another batch has paid for', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 40));
    for (let nth = 0; nth < 8; nth += 1)
      expect(holds(await desk.step('fail', next(), failing('failed_check', 'made again')))).toBe(false);
    for (let nth = 0; nth < 8; nth += 1)
      expect(holds(await desk.step('fail', next(), failing('media_unreachable')))).toBe(false);
    for (let nth = 1; nth <= 5; nth += 1) {
      const request = next();
      await desk.bring(request, 'submitted');
      expect(holds(await desk.step('fail', request, failing('media_unreachable')))).toBe(nth === 5);
    }
  });

  it('hold no longer once one is good that was in flight, on the same counter', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 60));
    const good = next();
    await desk.bring(good, 'submitted');
    const other = next();
    await desk.bring(other, 'rendering');
    for (let nth = 0; nth < 19; nth += 1) expect(await fail(desk, next())).toBe(false);
    expect(await fail(desk, next())).toBe(true);
    expect(await desk.step('deliver', other)).not.toHaveProperty('lifts');
    await desk.step('book', good);
    expect(await desk.step('store', good)).toMatchObject({ lifts: expect.any(Number) });
    expect(await desk.batches.read('b')).toMatchObject({ word: 'running', hold: undefined });
    expect((await desk.batches.behind()).has('b')).toBe(true);
    // Of a batch that a user has paused meanwhile nothing is lifted.
    for (let nth = 0; nth < 5; nth += 1) await fail(desk, next());
    await desk.batches.setWord('b', 'paused');
    expect(await desk.step('render', good)).not.toHaveProperty('lifts');
    expect(await desk.batches.word('b')).toBe('paused');
  });

  it('are forgotten by a resume, and the hold by every other mode', async () => {
    await using desk = await openDesk();
    const next = nextOf(await desk.open('b', 40));
    for (let nth = 0; nth < 7; nth += 1) await fail(desk, next());
    await desk.batches.setWord('b', 'running');
    expect(await desk.batches.read('b')).toMatchObject({ word: 'running', hold: undefined });
    for (let nth = 1; nth < 5; nth += 1) expect(await fail(desk, next())).toBe(false);
    expect(await fail(desk, next())).toBe(true);
    await desk.batches.setWord('b', 'paused');
    expect((await desk.batches.read('b'))?.hold).toBeUndefined();
  });
});
