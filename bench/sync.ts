/**
 * The list of a million rows whose pictures all exist, queued again: what it reads of the store, how much memory it takes,
 * how fast it is beside a bare pass of the list parser over the same file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readList } from '../src/producer/list/list.ts';
import { planList } from '../src/producer/plan/plan.ts';
import { readConfig } from '../src/shared/base/config.ts';
import { silentLogger } from '../src/shared/base/log.ts';
import { systemClock } from '../src/shared/base/time.ts';
import { enterCatalog } from '../src/shared/catalog/catalog.ts';
import { Journal } from '../src/shared/journal/journal.ts';
import { defaultRegistry } from '../src/shared/models/registry.ts';
import { objectKeys } from '../src/shared/store/keys.ts';
import { openS3Store } from '../src/shared/store/s3/store.ts';
import { type Bucket, openBucket } from './support/bucket.ts';
import { writeList } from './support/catalog-list.ts';
import { bench } from './support/figures.ts';
import { runShotlist } from './support/program.ts';
import { benchGround } from './support/temp.ts';

const ROWS = rowsAsked() ?? 1_000_000;
const MEGABYTE = 1_000_000;
const PAGE_KEYS = 1_000;

const printed = z.object({
  requests: z.int(),
  reusedImages: z.int(),
  sync: z.object({ unchanged: z.int(), new: z.int(), changed: z.int(), gone: z.int() }),
});

await bench('sync', async () => {
  await using ground = await benchGround();
  await using bucket = await openBucket();
  const list = join(ground.folder, 'catalog.csv');
  await writeList(list, ROWS);
  await makeAll(list, bucket, ground.folder);
  const bareMs = await parseBare(list);
  bucket.counts();
  const run = await runShotlist(['enqueue', 'catalog.csv', '--json'], {
    cwd: ground.folder,
    settings: { REDIS_URL: ground.redis.url, ...bucket.settings },
  });
  const { lists, gets, puts } = bucket.counts();
  const { requests, reusedImages, sync } = printed.parse(JSON.parse(run.stdout));
  if (requests !== 0 || reusedImages !== ROWS || sync.unchanged !== ROWS)
    throw new Error(`not all was unchanged: ${run.stdout}`);
  const pages = Math.ceil(ROWS / PAGE_KEYS);
  return {
    figures: [
      {
        name: 'peak memory',
        value: run.peakRssBytes / MEGABYTE,
        unit: 'MB',
        limit: { kind: 'below', value: 350 },
      },
      { name: 'store requests', value: lists + gets + puts, unit: '' },
      {
        name: 'store requests, a thousand rows',
        value: ((lists + gets + puts) / ROWS) * 1_000,
        unit: '',
        // Two looks at the originals, the earlier plan's chunks of 250 rows, and what every start reads.
        limit: { kind: 'at-most', value: 7 + 60_000 / ROWS },
      },
      { name: 'sync', value: (ROWS / run.ms) * 1_000, unit: 'rows/s' },
      { name: 'bare pass of the list parser', value: (ROWS / bareMs) * 1_000, unit: 'rows/s' },
      { name: 'sync against the bare pass', value: bareMs / run.ms, unit: '×' },
    ],
    notes: [
      `${ROWS.toLocaleString('en')} unchanged rows, one picture each, in ${(run.ms / 1_000).toFixed(1)} s from the start of the program to its end`,
      `${lists.toLocaleString('en')} pages of listings (all originals are ${pages.toLocaleString('en')}), ${gets.toLocaleString('en')} objects read, ${puts.toLocaleString('en')} written; one request a row would be ${ROWS.toLocaleString('en')}`,
    ],
  };
});

/** What stands in the bucket when the list has been made: its batch, ended, its entry in the catalog, every original. */
async function makeAll(list: string, bucket: Bucket, spoolFolder: string): Promise<void> {
  await using store = openS3Store({
    config: readConfig(bucket.settings).s3,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    log: silentLogger,
  });
  const journal = new Journal({ store });
  const originals: string[] = [];
  await using plan = await planList({
    rows: readList({ kind: 'file', path: list }),
    listName: 'catalog.csv',
    options: { inputs: {} },
    registry: defaultRegistry(),
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['catalog']),
    made: async () => [],
    hashOf: async () => '',
    onRow: ({ shotKey }) => {
      originals.push(objectKeys.original(shotKey, 0, 'png'));
    },
    spoolFolder,
    clock: systemClock,
  });
  const { groups: _, cheapestMicroUsd = 0, reuseRequests: __, ...totals } = plan.totals;
  const batch = plan.batchId;
  await journal.writeHead({
    ...totals,
    batch,
    digest: plan.digest,
    listName: 'catalog.csv',
    createdAt: new Date().toISOString(),
    simulated: false,
    chunks: plan.chunkCount,
    priority: 1_000,
    cheapestMicroUsd,
  });
  for (let chunk = 0; chunk < plan.chunkCount; chunk += 1)
    await journal.writeChunk(batch, chunk, await plan.chunk(chunk));
  await journal.writeSummary(batch, {});
  await enterCatalog(store, { batch, listName: 'catalog.csv', prune: false }, systemClock);
  bucket.fill(originals);
}

/** Nothing but the rows: no check, no plan. */
async function parseBare(list: string): Promise<number> {
  // Both passes find the file in the memory of the machine.
  await readFile(list);
  const startedAt = performance.now();
  let rows = 0;
  for await (const _ of readList({ kind: 'file', path: list })) rows += 1;
  if (rows !== ROWS) throw new Error(`${rows} rows were read of ${ROWS}`);
  return performance.now() - startedAt;
}

function rowsAsked(): number | undefined {
  const at = process.argv.indexOf('--rows');
  const asked = Number(process.argv[at + 1]);
  return at === -1 ? undefined : asked;
}
