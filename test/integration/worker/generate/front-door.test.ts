import { describe, expect, it, jest } from '@jest/globals';
import { DOOR_SHUTS_AFTER } from '../../../../src/shared/requests/doors.ts';
import { expectLedgerIsBook, expectPaidOnce } from '../../../support/accounts.ts';
import { untilEndedOrDecided } from '../../../support/another-picture.ts';
import { until } from '../../../support/fal.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

const SHOTS = Array.from({ length: 40 }, (_, at) => ({ id: `cup-${at}`, prompt: `a cup number ${at}` }));
const IN_FLIGHT = 4;

const open = () =>
  openWorkshop({
    settings: { FAL_CONCURRENCY: String(IN_FLIGHT), FAL_START_TIMEOUT_S: '1', FAL_UNKNOWN_MARGIN_S: '1' },
    postWindowMs: 500,
    fal: { latencyMs: 300 },
  });

const doorOf = ({ redis }: Workshop) => redis.client.hgetall(`${redis.prefix}:door:fal-ai/gpt-image-1-mini`);

describe('a front door of fal that answers 502', () => {
  it('takes a few answers of a list, and not all of them: one request at a time tries it, over all workers', async () => {
    await using workshop = await open();
    const { faults, stats } = workshop.fal;
    const mend = faults.add({ on: 'submit', kind: 'status', status: 502 });
    const batch = await workshop.enqueueRows(SHOTS);
    await Promise.all([workshop.startWorker(), workshop.startWorker()]);
    // The first try, five seconds after it was shut, is lost too: then the next one comes after ten.
    const shut = await until(
      () => doorOf(workshop),
      (door) => door['wait'] === '10000',
      30_000,
    );
    expect(Number(shut['n'])).toBeLessThanOrEqual(DOOR_SHUTS_AFTER + IN_FLIGHT);
    expect(stats.calls('submit')).toBe(Number(shut['n']));
    expect(await workshop.status(batch)).toMatchObject({ state: 'running' });
    mend();
    expect(await workshop.untilEnded(batch)).toMatchObject({
      counts: { delivered: SHOTS.length, failed: 0 },
    });
    expect(await doorOf(workshop)).toEqual({});
    await expectPaidOnce(workshop, batch);
    await expectLedgerIsBook(workshop);
  });

  it('is not shut by a refusal, which is an answer', async () => {
    await using workshop = await open();
    workshop.fal.faults.add({ on: 'submit', kind: 'status', status: 502, times: DOOR_SHUTS_AFTER - 1 });
    workshop.fal.faults.add({ on: 'submit', kind: 'invalid', times: 1 });
    workshop.fal.faults.add({ on: 'submit', kind: 'status', status: 502, times: DOOR_SHUTS_AFTER - 1 });
    const batch = await workshop.enqueueRows(SHOTS.slice(0, 20));
    await workshop.startWorker();
    const { status } = await untilEndedOrDecided(workshop, batch);
    expect(status.counts).toMatchObject({ delivered: 19, failed: 1 });
  });
});
