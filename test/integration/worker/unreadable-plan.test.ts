import { gzipSync } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import { Queue } from 'bullmq';
import { connectionOf } from '../../../src/shared/queues/queues.ts';
import { objectKeys } from '../../../src/shared/store/keys.ts';
import { openWorkshop } from '../../support/workshop.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(120_000);

const PACKED = { contentType: 'application/gzip' };

describe('a plan chunk that can never be read', () => {
  it('fails what was not sent, with a sentence, and asks fal for nothing', async () => {
    await using workshop = await openWorkshop();
    const { shop } = workshop;
    const batch = await workshop.enqueueRows([
      { id: 'a', prompt: 'a mug' },
      { id: 'b', prompt: 'a cap' },
    ]);
    // 300 MB: no writer makes it, and no worker has to hold it.
    const bomb = gzipSync(Buffer.alloc(300_000_000));
    await shop.store.put(objectKeys.planChunk(batch, 0), bomb, PACKED);
    let posts = 0;
    workshop.fal.faults.add({
      on: 'submit',
      kind: 'invalid',
      when: () => {
        posts += 1;
        return false;
      },
    });
    await workshop.startWorker();
    const status = await workshop.untilStatus(batch, ({ counts }) => counts.failed === 2);
    expect(status).toMatchObject({ state: 'done', money: { spentUsd: 0, reservedUsd: 0 } });
    const failures = await shop.journal.failures(batch);
    expect([...failures.values()].map(({ code }) => code)).toEqual(['plan_unreadable', 'plan_unreadable']);
    expect([...failures.values()][0]?.message).toMatch(/^The plan in .* cannot be read: not a plan chunk: /);
    expect(posts).toBe(0);
  });

  it('fails a picture that only waits to be rendered, and keeps its original', async () => {
    await using workshop = await openWorkshop();
    const { shop, redis } = workshop;
    const rows = [{ id: 'a', prompt: 'a mug' }];
    await workshop.startWorker();
    const { money } = await workshop.untilEnded(await workshop.enqueueRows(rows, { batch: 'made' }));
    expect(money.spentUsd).toBeGreaterThan(0);
    const render = new Queue('render', { connection: connectionOf(redis.url), prefix: redis.prefix });
    await render.pause();
    const batch = await workshop.enqueueRows(rows, { batch: 'again' });
    expect((await workshop.status(batch)).counts.generated).toBe(1);
    await shop.store.put(objectKeys.planChunk(batch, 0), gzipSync('no row'), PACKED);
    await render.resume();
    await render.close();
    const status = await workshop.untilStatus(batch, ({ counts }) => counts.failed === 1);
    expect(status).toMatchObject({ state: 'done', money: { spentUsd: 0, reservedUsd: 0 } });
    const originals: string[] = [];
    for await (const { key } of shop.store.list('originals/')) originals.push(key);
    expect(originals).toHaveLength(1);
  });

  it('rows in chunks that end by their bytes are made', async () => {
    await using workshop = await openWorkshop();
    const batch = await workshop.enqueueRows(
      Array.from({ length: 140 }, (_, at) => ({ id: `r-${at}`, prompt: 'a mug', text: 'x'.repeat(62_000) })),
    );
    const head = await workshop.shop.journal.readHead(batch);
    expect(head?.chunkStarts).toHaveLength(2);
    const first = head?.chunkStarts?.[1] ?? 0;
    const { row } = await workshop.shop.journal.planned({ batch, row: first, part: 0 });
    expect(row.shot).toBe(`r-${first}`);
    const last = await workshop.shop.journal.planned({ batch, row: 139, part: 0 });
    expect(last.row.shot).toBe('r-139');
  });
});
