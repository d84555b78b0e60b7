import { describe, expect, it } from '@jest/globals';
import { REBUILD_STOP } from '../../../../src/operations/rebuild/stops.ts';
import { Restore } from '../../../../src/shared/requests/restore.ts';
import { openDesk, PRICE } from '../../../support/desk.ts';

const SHOT = 'a'.repeat(32);
const TAKE = { take: { shotKey: SHOT, indices: [0], price: PRICE } };

describe('two requests in doubt that a rebuild found to want one picture', () => {
  it('keep it from everybody else until the last of them has let go', async () => {
    await using desk = await openDesk();
    const { redis, batches } = desk;
    const restore = new Restore({ redis: redis.client, prefix: redis.prefix, ttlH: 1 });
    const [third = ''] = await desk.open('third', 1);
    for (const batch of ['first', 'second']) {
      await desk.open(batch, 0);
      const claim = { shotKey: SHOT, indices: [0] };
      const inDoubt = { member: '0.0', state: 'unknown', round: 1, intentAtMs: 1, claim } as const;
      await restore.claim(batch, REBUILD_STOP);
      await restore.records(batch, 1, [inDoubt]);
      await restore.release(undefined);
    }

    expect(await desk.step('reserve', third, TAKE)).toMatchObject({ code: 'claimed' });
    expect(await desk.step('absent', 'first.0.0')).toMatchObject({ code: 'ok' });
    // It would have paid for what the second may have under way.
    expect(await desk.step('reserve', 'first.0.0', TAKE)).toMatchObject({ code: 'claimed' });
    expect(await desk.step('reserve', third, TAKE)).toMatchObject({ code: 'claimed' });
    const last = await desk.step('absent', 'second.0.0');
    expect(last).toMatchObject({ code: 'ok', woken: expect.arrayContaining([expect.anything()]) });
    expect(await desk.step('reserve', third, TAKE)).toMatchObject({ code: 'ok' });
    expect((await batches.read('third'))?.reserved).toBe(PRICE);
  });
});

describe('the word of a batch', () => {
  it('stays cancelled when a resume or a pause comes in the same moment', async () => {
    await using desk = await openDesk();
    await desk.open('cups', 1);
    await desk.batches.setWord('cups', 'cancelled');
    await desk.batches.setWord('cups', 'running');
    expect((await desk.batches.read('cups'))?.word).toBe('cancelled');
    await desk.batches.setWord('cups', 'paused');
    expect((await desk.batches.read('cups'))?.word).toBe('cancelled');
  });
});
