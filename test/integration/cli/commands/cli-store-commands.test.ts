import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { costsCommand } from '../../../../src/cli/commands/costs.ts';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { ledgerCommand } from '../../../../src/cli/commands/ledger.ts';
import type { Journal } from '../../../../src/shared/journal/journal.ts';
import { runInContext } from '../../../support/cli-context.ts';
import {
  anEntry,
  anImage,
  aRow,
  type FilledStore,
  filledStore,
  writePlan,
} from '../../../support/filled-store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** Nothing listens there: whoever needs Redis is told so at once. */
const NO_REDIS = { REDIS_URL: 'redis://127.0.0.1:1' };

function storeIn(cwd: string): Promise<FilledStore> {
  return filledStore(join(cwd, '.shotlist', 'store'));
}

async function writeLedger(journal: Journal): Promise<void> {
  const { createdAt } = await writePlan(journal, 'spring', [aRow(0, 'tee')], {
    createdAt: '2026-11-20T09:00:00.000Z',
  });
  expect(createdAt).toBe('2026-11-20T09:00:00.000Z');
  await writePlan(journal, 'Autumn', [aRow(0, 'mug')], { createdAt: '2026-11-20T09:00:00.000Z' });
  await journal.writeLedger(
    anEntry({ requestId: 'r-2', ts: '2026-11-20T12:00:00.000Z', quality: 'high', costMicroUsd: 70_000 }),
    '2026-11-20',
  );
  await journal.writeLedger(
    anEntry({ requestId: 'r-1', ts: '2026-11-20T11:00:00.000Z', numImages: 3, costMicroUsd: 30_000 }),
    '2026-11-20',
  );
  await journal.writeLedger(
    anEntry({ batch: 'Autumn', requestId: 'r-3', shot: 'mug', ts: '2026-11-21T11:00:00.000Z' }),
    '2026-11-21',
  );
}

describe('costs', () => {
  it('sums the ledger by batch and day from its keys, and by anything else from its entries, without Redis', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    await writeLedger(filled.journal);
    const costs = async (more: Partial<Parameters<typeof costsCommand>[1]>) => {
      const { out } = await runInContext({ cwd: folder.path, environment: NO_REDIS }, (context) =>
        costsCommand(context, { by: 'batch', json: true, ...more }),
      );
      return JSON.parse(out);
    };
    expect(await costs({})).toEqual({
      totalUsd: 0.12,
      requests: 3,
      images: 5,
      rows: [
        { key: 'spring', usd: 0.1, requests: 2, images: 4 },
        { key: 'Autumn', usd: 0.02, requests: 1, images: 1 },
      ],
    });
    expect((await costs({ by: 'day' })).rows).toEqual([
      { key: '2026-11-20', usd: 0.1, requests: 2, images: 4 },
      { key: '2026-11-21', usd: 0.02, requests: 1, images: 1 },
    ]);
    expect(
      (await costs({ by: 'quality' })).rows.map(({ key, usd }: { key: string; usd: number }) => [key, usd]),
    ).toEqual([
      ['high', 0.07],
      ['medium', 0.05],
    ]);
    expect(await costs({ batch: 'Autumn', by: 'shot' })).toMatchObject({
      totalUsd: 0.02,
      rows: [{ key: 'mug' }],
    });
    expect(await costs({ from: '2026-11-21' })).toMatchObject({ totalUsd: 0.02 });
    expect(await costs({ to: '2026-11-20' })).toMatchObject({ totalUsd: 0.1 });
    expect(await costs({ batch: 'spring', from: '2026-11-21' })).toMatchObject({ totalUsd: 0, rows: [] });
  });

  it('names the batch that was meant', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    await writeLedger(filled.journal);
    await expect(
      runInContext({ cwd: folder.path }, (context) => costsCommand(context, { by: 'day', batch: 'sprnig' })),
    ).rejects.toThrow('There is no batch sprnig: did you mean spring?');
  });
});

describe('ledger', () => {
  it('prints one line an entry, in order of time, with the fields of the contract', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    await writeLedger(filled.journal);
    const { out } = await runInContext({ cwd: folder.path, environment: NO_REDIS }, (context) =>
      ledgerCommand(context, { format: 'jsonl' }),
    );
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ requestId }) => requestId)).toEqual(['r-1', 'r-2', 'r-3']);
    expect(lines[0]).toEqual({
      ts: '2026-11-20T11:00:00.000Z',
      batch: 'spring',
      shot: 'tee',
      requestId: 'r-1',
      model: 'made/up',
      quality: 'medium',
      imageSize: '1024x1024',
      numImages: 3,
      costUsd: 0.03,
      source: 'price-rule',
    });
  });

  it('is one JSON document with --json, also when it is empty, and CSV with a head', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    const print = async (more: object) =>
      (
        await runInContext({ cwd: folder.path }, (context) =>
          ledgerCommand(context, { format: 'jsonl', ...more }),
        )
      ).out;
    expect(JSON.parse(await print({ json: true }))).toEqual([]);
    await writeLedger(filled.journal);
    expect(JSON.parse(await print({ json: true, batch: 'Autumn' }))).toMatchObject([{ requestId: 'r-3' }]);
    expect((await print({ format: 'csv', from: '2026-11-21' })).split('\n')).toEqual([
      '"ts","batch","shot","requestId","model","quality","imageSize","numImages","costUsd","source"',
      '"2026-11-21T11:00:00.000Z","Autumn","mug","r-3","made/up","medium","1024x1024",1,0.02,"price-rule"',
      '',
    ]);
  });
});

describe('export', () => {
  it('prints the manifest in the order of the list from the store alone, over several plan chunks', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    const { journal } = filled;
    const rows = Array.from({ length: 260 }, (_, row) => aRow(row, `shot-${row}`));
    const { batch } = await writePlan(journal, 'spring', rows);
    await journal.writeDelivery({
      batch,
      row: 258,
      part: 0,
      at: 1,
      costMicroUsd: 20_000,
      images: [anImage(0)],
    });
    const day = new Date().toISOString().slice(0, 10);
    await journal.writeLedger(anEntry({ row: 258, requestId: 'a' }), day);
    await journal.writeLedger(anEntry({ row: 259, requestId: 'b', costMicroUsd: 10_000 }), day);
    const failure = { batch, row: 259, part: 0, at: 1 };
    await journal.writeFailure({ ...failure, round: 0, code: 'old', message: 'Before.' });
    await journal.writeFailure({ ...failure, round: 1, code: 'content_policy', message: 'Refused.' });
    const { out, err } = await runInContext({ cwd: folder.path, environment: NO_REDIS }, (context) =>
      exportCommand(context, batch, { format: 'jsonl' }),
    );
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ shot }) => shot)).toEqual(rows.map(({ shot }) => shot));
    expect(lines[258]).toMatchObject({
      status: 'delivered',
      error: null,
      costUsd: 0.02,
      row: { id: 'shot-258' },
    });
    expect(lines[258].images[0].renditions[0].url).toBe(filled.store.urlOf('b/shot/0-thumb.jpg'));
    // A request that failed may have cost money.
    expect(lines[259]).toMatchObject({
      status: 'failed',
      error: 'content_policy: Refused.',
      costUsd: 0.01,
      images: [],
    });
    expect(lines[1]).toMatchObject({ status: 'pending', error: null, costUsd: 0 });
    expect(err).toContain('258 shots of spring are pending or held still');
  });

  it('writes a CSV file that a spreadsheet may open', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    const { journal, store } = filled;
    const { batch } = await writePlan(journal, 'spring', [aRow(0, 'tee', 1, { name: '=1+1' })], {
      simulated: true,
    });
    await journal.writeDelivery({ batch, row: 0, part: 0, at: 1, costMicroUsd: 0, images: [anImage(0)] });
    const { out } = await runInContext({ cwd: folder.path, environment: NO_REDIS }, (context) =>
      exportCommand(context, batch, { format: 'csv', out: 'spring.csv' }),
    );
    expect(out).toBe('');
    expect((await readFile(join(folder.path, 'spring.csv'), 'utf8')).split('\n')).toEqual([
      '"id","name","prompt","status","error","cost_usd","simulated","image_0","image_0_thumb"',
      `"tee","'=1+1","a picture of tee","delivered",,0,true,"${store.urlOf('originals/shot/0.png')}","${store.urlOf('b/shot/0-thumb.jpg')}"`,
      '',
    ]);
  });

  it('says in one sentence that a file cannot be written', async () => {
    await using folder = await tempFolder();
    await using filled = await storeIn(folder.path);
    await writePlan(filled.journal, 'spring', [aRow(0, 'tee')]);
    await expect(
      runInContext({ cwd: folder.path, environment: NO_REDIS }, (context) =>
        exportCommand(context, 'spring', { format: 'jsonl', out: 'no/such/folder.jsonl' }),
      ),
    ).rejects.toThrow(/folder\.jsonl cannot be written \(ENOENT\)/);
  });
});
