/**
 * The worker's way of a picture (queue, sandboxed child, record, checks, store) against a bare sharp loop that makes the
 * same files. `--photos FOLDER` takes the photographs from another place than Debian's.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sleep, systemClock } from '../src/shared/base/time.ts';
import { Journal } from '../src/shared/journal/journal.ts';
import { openRedis } from '../src/shared/redis/redis.ts';
import { Batches } from '../src/shared/requests/batches.ts';
import { openFolderStore } from '../src/shared/store/folder/store.ts';
import { type BareRun, bareSharp } from './support/bare-sharp.ts';
import { writeList } from './support/catalog-list.ts';
import { bench } from './support/figures.ts';
import { photographs } from './support/photographs.ts';
import { runShotlist } from './support/program.ts';
import { storeAsMade, storeFolder } from './support/stored-pictures.ts';
import { benchGround } from './support/temp.ts';

/** So many that the children's first moments, in which their code is not compiled yet, are a small part. */
const PICTURES = 240;
/** So many different ones, over and over. */
const DISTINCT = 80;
const PREFIX = '{shotlist}';
const BATCH = 'bench';
/** Between two looks at the batch. */
const LOOK_MS = 20;

await bench('render', async () => {
  const { values } = parseArgs({ options: { photos: { type: 'string' }, save: { type: 'boolean' } } });
  const cores = availableParallelism();
  await using ground = await benchGround();
  const { folder, redis } = ground;
  const { pictures, from } = await photographs(DISTINCT, values.photos);
  await writeList(join(folder, 'catalog.csv'), PICTURES);
  const labels = await storeAsMade(folder, pictures);

  const distinct = await writeFiles(join(folder, 'originals'), pictures);
  const files = Array.from({ length: PICTURES }, (_, row) => distinct[row % distinct.length] ?? '');
  await mkdir(join(folder, 'bare'));
  // Once before and once after, so that other work on the machine weighs on both ways alike.
  const before = await bareSharp({ files, labels, folder: join(folder, 'bare'), cores });
  const worker = await renderWithWorker(folder, redis.url, cores);
  const after = await bareSharp({ files, labels, folder: join(folder, 'bare'), cores });
  const bare: BareRun = { ...after, ms: (before.ms + after.ms) / 2 };
  const same = await countSame(folder, bare);
  return {
    figures: [
      { name: 'bare sharp loop', value: perSecond(bare.ms), unit: 'pictures/s' },
      { name: 'worker, first start to last end', value: perSecond(worker.renderMs), unit: 'pictures/s' },
      { name: 'worker, whole command', value: perSecond(worker.commandMs), unit: 'pictures/s' },
      {
        name: 'worker against bare loop',
        value: bare.ms / worker.renderMs,
        unit: '×',
        limit: { kind: 'at-least', value: 0.85 },
      },
      { name: 'whole command against bare loop', value: bare.ms / worker.commandMs, unit: '×' },
    ],
    notes: [
      `${PICTURES} pictures, ${DISTINCT} different ones, recipe catalog, ${cores} at once; ${from}`,
      `${same} of ${bare.sha256.size} files have the same bytes on both ways`,
    ],
  };
});

function perSecond(ms: number): number {
  return (PICTURES / ms) * 1_000;
}

/** The built program, `run`; `renderMs` from the first record that is rendered to the last that is delivered. */
async function renderWithWorker(
  folder: string,
  redisUrl: string,
  cores: number,
): Promise<{ readonly renderMs: number; readonly commandMs: number }> {
  const redis = await openRedis(redisUrl);
  const ended = new AbortController();
  try {
    const seen = watchRenders(new Batches({ redis, prefix: PREFIX, clock: systemClock }), ended.signal);
    const { ms } = await runShotlist(['run', 'catalog.csv', '--batch', BATCH, '--json'], {
      cwd: folder,
      settings: {
        REDIS_URL: redisUrl,
        REDIS_PREFIX: PREFIX,
        RENDER_CONCURRENCY: String(cores),
        // Never called: every picture is made already.
        FAL_KEY: 'none',
        FAL_QUEUE_URL: 'http://127.0.0.1:9',
        FAL_API_URL: 'http://127.0.0.1:9',
      },
    });
    return { renderMs: await seen, commandMs: ms };
  } finally {
    ended.abort();
    redis.disconnect();
  }
}

async function watchRenders(batches: Batches, signal: AbortSignal): Promise<number> {
  let startedAt: number | undefined;
  while (!signal.aborted) {
    const counts = (await batches.read(BATCH))?.counts;
    if (counts !== undefined && counts.rendering + counts.delivered > 0) startedAt ??= performance.now();
    if (counts?.delivered === PICTURES && startedAt !== undefined) return performance.now() - startedAt;
    await sleep(LOOK_MS);
  }
  throw new Error('the run ended before every picture was delivered');
}

async function writeFiles(folder: string, pictures: readonly Buffer[]): Promise<string[]> {
  await mkdir(folder);
  return await Promise.all(
    pictures.map(async (picture, number) => {
      const file = join(folder, `${number}.png`);
      await writeFile(file, picture);
      return file;
    }),
  );
}

async function countSame(folder: string, { sha256 }: BareRun): Promise<number> {
  await using store = await openFolderStore({ folder: storeFolder(folder) });
  const journal = new Journal({ store });
  let same = 0;
  for (let row = 0; row < PICTURES; row += 1) {
    const delivery = await journal.readDelivery({ batch: BATCH, row, part: 0 });
    for (const { name, sha256: hash } of delivery?.images[0]?.renditions ?? []) {
      if (sha256.get(`${row}-${name}`) === hash) same += 1;
    }
  }
  return same;
}
