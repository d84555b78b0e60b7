import { describe, expect, it } from '@jest/globals';
import { startPair } from '../../../support/failover.ts';
import { when } from '../../../support/program.ts';
import { timesPaid } from '../../../support/program-fal.ts';
import { openWorkshop } from '../../../support/workshop.ts';

/** Promised are seconds: a look each two, and a connection. */
const BACK_WITHIN_MS = 10_000;

describe('a failover that leaves connections on the demoted Redis', () => {
  it('makes a worker not ready, which connects again by itself and goes on within seconds', async () => {
    await using pair = await startPair('{t-failover}');
    await using shop = await openWorkshop({ redis: pair });
    await using work = await shop.startWorker();
    const before = await shop.enqueueRows([{ id: 'A', prompt: 'A mug', quality: 'low' }]);
    await shop.untilEnded(before);
    expect(work.redisFaults()).toEqual([]);

    await pair.failOver();
    const failedAtMs = performance.now();
    await when(() => work.redisFaults().length > 0);
    expect(work.redisFaults().join(' ')).toMatch(/READONLY|UNBLOCKED/);
    await when(() => work.redisFaults().length === 0);

    const after = await shop.enqueueRows([
      { id: 'B', prompt: 'A jug', quality: 'low' },
      { id: 'C', prompt: 'A cup', quality: 'low' },
    ]);
    expect((await shop.untilEnded(after)).counts).toMatchObject({ delivered: 2, failed: 0 });
    expect(performance.now() - failedAtMs).toBeLessThan(BACK_WITHIN_MS);
    expect(timesPaid(shop.fal)).toEqual([1, 1, 1]);
  });

  it('in the midst of the work loses nothing and pays each picture once', async () => {
    await using pair = await startPair('{t-failover-2}');
    await using shop = await openWorkshop({ redis: pair, fal: { latencyMs: 400 } });
    await using _work = await shop.startWorker();
    const rows = Array.from({ length: 12 }, (_, at) => ({
      id: `S${at}`,
      prompt: `Mug ${at}`,
      quality: 'low',
    }));
    const batch = await shop.enqueueRows(rows);
    await shop.untilStatus(batch, ({ counts }) => counts.submitted > 0);
    await pair.failOver();
    expect((await shop.untilEnded(batch, 25_000)).counts).toMatchObject({ delivered: 12, failed: 0 });
    expect(timesPaid(shop.fal)).toEqual(rows.map(() => 1));
  });
});
