import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UnavailableError } from '../../src/shared/base/errors.ts';
import { createLogger } from '../../src/shared/base/log.ts';
import { deliveredImage } from '../../src/shared/pictures/formats.ts';
import { loadRecipes, shippedRecipesFolder } from '../../src/shared/pictures/recipes.ts';
import { createRenderChild } from '../../src/worker/render/child.ts';
import type { RenderDeps } from '../../src/worker/render/processor.ts';
import { endProcess } from '../../src/worker/render/watchdog.ts';
import { readableFormats } from './readable-formats.mjs';
import { type RenderRecord, readRecord, writeRecord } from './render-records.ts';

/**
 * The render child of the tests: the real processor in a real BullMQ child, its records and objects files of one
 * folder, and originals that do to it what a picture can do at worst. A request is named `<fault>-<anything>`.
 */

const folder = process.env['RENDER_TEST_FOLDER'] ?? '';
const timeLimitMs = Number(process.env['RENDER_TEST_LIMIT_MS'] ?? '60000');

const faults: Readonly<Record<string, () => unknown>> = {
  // Blocks a thread of libuv's pool forever, as a hang in libvips does: nobody ever writes into the pipe.
  'hang.thread': () => readFile(join(folder, 'pipe')),
  'hang.loop': () => {
    for (;;);
  },
  loaders: async () => writeFileSync(join(folder, 'loaders.json'), JSON.stringify(await readableFormats())),
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  memory: () => {
    const hoard: number[][] = [];
    for (;;) hoard.push(new Array<number>(10_000).fill(hoard.length));
  },
  // More often away than a picture may start.
  outage: () => {
    const tries = join(folder, 'outage');
    appendFileSync(tries, '.');
    if (readFileSync(tries).length <= 4) throw new UnavailableError('s3', 'The store is away.');
  },
};

export function openFileDeps(): RenderDeps {
  const save = (request: string, change: (record: RenderRecord) => RenderRecord): RenderRecord => {
    const record = change(readRecord(folder, request));
    writeRecord(folder, request, record);
    return record;
  };
  return {
    begin: async (request) => {
      if (!['generated', 'rendering'].includes(readRecord(folder, request).state)) return undefined;
      const { epoch, starts } = save(request, (record) => ({
        ...record,
        state: 'rendering',
        epoch: record.epoch + 1,
        starts: record.starts + 1,
        pid: process.pid,
      }));
      const recipe = (await loadRecipes(shippedRecipesFolder())).get('catalog');
      if (recipe === undefined) throw new Error('the catalog recipe is missing');
      return {
        request,
        round: 0,
        epoch,
        starts,
        recipe,
        model: 'fal-ai/gpt-image-1-mini',
        expected: { width: undefined, height: undefined, transparent: false },
        images: [{ index: 0, requestId: undefined, originalKey: request, madeAtMs: 0 }],
        renditionKey: (index, { name, extension }) => `${request}-${index}-${name}.${extension}`,
        cacheControl: 'no-cache',
      };
    },
    giveBack: async ({ request }) => {
      save(request, (record) => ({ ...record, starts: record.starts - 1, givenBack: record.givenBack + 1 }));
    },
    readOriginal: async (key) => {
      await faults[key.split('-')[0] ?? '']?.();
      return { body: await readFile(join(folder, `${key}.original`)), contentType: 'image/png' };
    },
    nearDuplicate: async () => undefined,
    writeRendition: async (key, body) => writeFileSync(join(folder, key), body),
    deliver: async ({ request }, images) => {
      save(request, (record) => ({
        ...record,
        state: 'delivered',
        images: images.map((image) => deliveredImage.parse(image)),
      }));
    },
    fail: async ({ request }, failure) => {
      save(request, (record) => ({ ...record, state: 'failed', failure }));
    },
    damaged: async ({ request }, { failure }) => {
      save(request, (record) => ({ ...record, state: 'failed', failure }));
    },
    log: createLogger({ level: 'silent', format: 'json', fd: 2, secrets: [] }),
    timeLimitMs,
    maxStarts: 2,
    exit: endProcess,
  };
}

// biome-ignore lint/style/noDefaultExport: BullMQ's child imports the file it is given and calls its default export
export default createRenderChild(async () => {
  // A marker a test can count: how many children were ever opened.
  closeSync(openSync(join(folder, `child-${process.pid}`), 'w'));
  return openFileDeps();
});
