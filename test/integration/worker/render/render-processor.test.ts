import { describe, expect, it } from '@jest/globals';
import { UnavailableError, UserError } from '../../../../src/shared/base/errors.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import type { DeliveredImage } from '../../../../src/shared/pictures/formats.ts';
import { parseRecipe, type Rendition } from '../../../../src/shared/pictures/recipes.ts';
import type { Damage } from '../../../../src/worker/render/damage.ts';
import { layOut } from '../../../../src/worker/render/layout.ts';
import { createRenderProcessor, type RenderDeps } from '../../../../src/worker/render/processor.ts';
import { renderBackoffMs } from '../../../../src/worker/render/retry.ts';
import type { Watchdog } from '../../../../src/worker/render/watchdog.ts';
import { opaquePicture } from '../../../support/pictures.ts';

const RECIPE = parseRecipe(
  'small',
  '{"description":"One.","metadata":"strip","renditions":[{"name":"web","format":"webp","quality":80}]}',
  'small.json',
);
const JOB = { id: 'b.0.0-0', data: { v: 1, request: 'b.0.0' } };

/** Arms nothing: these tests run in the test's own process, which must not be ended. */
const noWatchdog: Watchdog = {
  arm: () => ({ [Symbol.dispose]: () => undefined }),
  [Symbol.asyncDispose]: async () => undefined,
};

/** Dependencies in memory, and what was done with them. */
async function memory(change: Partial<RenderDeps> = {}, recipe = RECIPE) {
  const picture = await opaquePicture({ width: 30, height: 20 }, 'jpeg');
  const record = { starts: 0, epoch: 0 };
  const written = new Map<string, string>();
  const delivered: (readonly DeliveredImage[])[] = [];
  const failed: { code: string; message: string }[] = [];
  const damaged: Damage[] = [];
  const deps: RenderDeps = {
    begin: async (request) => {
      record.starts += 1;
      record.epoch += 1;
      return {
        request,
        ...record,
        round: 0,
        recipe,
        model: 'fal-ai/gpt-image-1-mini',
        expected: { width: undefined, height: undefined, transparent: false },
        images: [0, 2].map((index) => ({
          index,
          requestId: 'r1',
          originalKey: `originals/k/${index}.png`,
          madeAtMs: 0,
        })),
        renditionKey: (index, { name, extension }) => `b/s/${index}-${name}.${extension}`,
        cacheControl: 'no-cache',
      };
    },
    giveBack: async () => {
      record.starts -= 1;
    },
    readOriginal: async () => ({ body: picture, contentType: 'image/png' }),
    nearDuplicate: async () => undefined,
    writeRendition: async (key, _body, { contentType }) => {
      written.set(key, contentType);
    },
    deliver: async (_task, images) => {
      delivered.push(images);
    },
    fail: async (_task, failure) => {
      failed.push(failure);
    },
    damaged: async (_task, damage) => {
      damaged.push(damage);
    },
    log: silentLogger,
    timeLimitMs: 10_000,
    maxStarts: 2,
    exit: () => {
      throw new Error('the watchdog bit');
    },
    ...change,
  };
  return { process: createRenderProcessor(deps, noWatchdog), record, written, delivered, failed, damaged };
}

describe('the render processor', () => {
  it('renders every image of the request and tells what it stored', async () => {
    const { process, written, delivered, failed } = await memory();
    await process(JOB);
    expect([...written]).toEqual([
      ['b/s/0-web.webp', 'image/webp'],
      ['b/s/2-web.webp', 'image/webp'],
    ]);
    expect(delivered[0]?.map(({ index, original }) => [index, original.key, original.format])).toEqual([
      [0, 'originals/k/0.png', 'jpeg'],
      [2, 'originals/k/2.png', 'jpeg'],
    ]);
    expect(delivered[0]?.[1]?.renditions).toMatchObject([
      { name: 'web', key: 'b/s/2-web.webp', width: 30, height: 20, format: 'webp' },
    ]);
    expect(failed).toEqual([]);
  });

  it('does nothing for a request that waits for no render', async () => {
    const { process, written, delivered } = await memory({ begin: async () => undefined });
    await process(JOB);
    expect([written.size, delivered]).toEqual([0, []]);
  });

  it('writes no file of a picture that fails since it looks like another, and asks nothing where that is off', async () => {
    const looksLike = { nearDuplicate: async () => 'MUG-1' };
    const at = (level: 'off' | 'warn' | 'fail') => ({
      ...RECIPE,
      checks: { ...RECIPE.checks, 'near-duplicate': level },
    });
    const strict = await memory(looksLike, at('fail'));
    await strict.process(JOB);
    expect(strict.failed).toEqual([
      { code: 'failed_check', message: expect.stringContaining('it looks nearly like MUG-1') },
    ]);
    expect(strict.written.size).toBe(0);

    const finding = { check: 'near-duplicate', level: 'warn', says: 'it looks nearly like MUG-1' };
    const warned = await memory(looksLike, at('warn'));
    await warned.process(JOB);
    expect(warned.delivered.flat().map(({ findings }) => findings)).toEqual([
      expect.arrayContaining([finding]),
      expect.arrayContaining([finding]),
    ]);

    const off = await memory({ nearDuplicate: () => Promise.reject(new Error('asked')) }, at('off'));
    await off.process(JOB);
    expect(off.delivered).toHaveLength(1);
  });

  it.each<readonly [string, Partial<RenderDeps>]>([
    ['the original cannot be read', { readOriginal: unavailable }],
    ['a rendition cannot be stored', { writeRendition: unavailable }],
    ['the record cannot be written', { deliver: unavailable }],
    [
      'the bucket is gone',
      { writeRendition: () => Promise.reject(new UserError('no_bucket', 'No bucket.')) },
    ],
  ])('gives the start back and leaves the end open when %s', async (_, change) => {
    const { process, record, failed } = await memory(change);
    await expect(process(JOB)).rejects.toThrow(/away|No bucket/);
    expect([record.starts, failed]).toEqual([0, []]);
  });

  it('gives the start back once Redis has returned', async () => {
    let tries = 0;
    const { process } = await memory({
      deliver: unavailable,
      giveBack: async () => {
        tries += 1;
        if (tries < 3) await unavailable();
      },
    });
    await expect(process(JOB)).rejects.toThrow('away');
    expect(tries).toBe(3);
  });

  it('keeps the start of an error that nobody foresaw, and fails the third start', async () => {
    const { process, record, failed } = await memory({
      readOriginal: () => Promise.reject(new TypeError('a bug')),
    });
    await expect(process(JOB)).rejects.toThrow('a bug');
    await expect(process(JOB)).rejects.toThrow('a bug');
    expect([record.starts, failed]).toEqual([2, []]);
    await process(JOB);
    expect(failed).toMatchObject([{ code: 'render_crashed' }]);
  });

  it('stops at once when the worker stops, though the store does not answer', async () => {
    const { process, record } = await memory({ readOriginal: () => new Promise(() => undefined) });
    const stop = new AbortController();
    const run = process(JOB, 'token', stop.signal);
    stop.abort('SIGTERM');
    await expect(run).rejects.toMatchObject({ name: 'RenderStoppedError' });
    expect(record.starts).toBe(0);
  });

  it('starts nothing when the worker stopped before', async () => {
    const { process, record } = await memory();
    await expect(process(JOB, 'token', AbortSignal.abort())).rejects.toMatchObject({
      name: 'RenderStoppedError',
    });
    expect(record.epoch).toBe(0);
  });

  it.each([
    ['of a newer release waits', { v: 2, request: 'b.0.0' }, 'NewerJobError'],
    ['without a request is an error', {}, 'MalformedError'],
  ])('a job %s', async (_, data, name) => {
    const { process, record } = await memory();
    await expect(process({ data })).rejects.toMatchObject({ name });
    expect(record.starts).toBe(0);
  });
});

it.each([
  ['MalformedError', -1, -1],
  ['RenderStoppedError', 0, 0],
  ['UnavailableError', 1_000, 61_000],
  ['UserError', 1_000, 61_000],
  ['NewerJobError', 1_000, 61_000],
  ['Error', 250, 250],
])('after a %s the job waits between %d and %d ms', (name, least, most) => {
  const error = Object.assign(new Error('x'), { name });
  for (const attempt of [1, 5, 1_000]) {
    expect(renderBackoffMs(attempt, error, () => 0)).toBe(least);
    expect(renderBackoffMs(attempt, error, () => 0.999)).toBeLessThanOrEqual(most);
  }
});

it.each<
  readonly [
    Rendition['fit'],
    number,
    number,
    { width: number; height?: number; padding?: number },
    readonly number[],
    readonly number[] | undefined,
  ]
>([
  ['inside', 1536, 1024, { width: 800 }, [800, 533], undefined],
  ['inside', 10, 10_000, { width: 400, height: 400 }, [1, 400], undefined],
  ['inside', 100, 50, { width: 800 }, [100, 50], undefined],
  ['contain', 1536, 1024, { width: 256, height: 256 }, [256, 171], [256, 256]],
  ['contain', 10, 20, { width: 256, height: 256 }, [10, 20], [256, 256]],
  ['contain', 1536, 1024, { width: 256, height: 256, padding: 0.1 }, [205, 137], [256, 256]],
  ['frame', 1536, 1024, { width: 1000, height: 1000, padding: 0.1 }, [800, 533], [1000, 1000]],
  ['frame', 400, 300, { width: 1000, height: 1000, padding: 0.1 }, [400, 300], [500, 500]],
  ['frame', 300, 400, { width: 2000, height: 1000 }, [300, 400], [800, 400]],
  ['cover', 1536, 1024, { width: 256, height: 256 }, [256, 256], undefined],
  ['cover', 100, 50, { width: 400, height: 400 }, [50, 50], undefined],
])('%s: %d×%d in %j', (fit, width, height, asked, scaled, canvas) => {
  const layout = layOut({ width, height }, { fit, height: undefined, padding: 0, ...asked });
  expect([layout.scaled.width, layout.scaled.height]).toEqual(scaled);
  expect(layout.canvas && [layout.canvas.width, layout.canvas.height]).toEqual(canvas);
});

async function unavailable(): Promise<never> {
  throw new UnavailableError('s3', 'The store is away.');
}
