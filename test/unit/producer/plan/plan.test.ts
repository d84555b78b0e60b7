import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { readList } from '../../../../src/producer/list/list.ts';
import { batchIdOf, type Plan, type PlanDeps, planList } from '../../../../src/producer/plan/plan.ts';
import { type PlanRow, readPlanChunk } from '../../../../src/shared/journal/plan-row.ts';
import type { Model } from '../../../../src/shared/models/model.ts';
import { createRegistry, defaultRegistry } from '../../../../src/shared/models/registry.ts';

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'shotlist-plan-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function* text(list: string) {
  yield Buffer.from(list);
}

function deps(spoolFolder: string, list: string, changed: Partial<PlanDeps> = {}): PlanDeps {
  return {
    rows: readList({ kind: 'stdin', stream: text(list) }),
    listName: 'stdin',
    options: { inputs: {} },
    registry: defaultRegistry(),
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['catalog', 'original']),
    made: async () => [],
    hashOf: async () => {
      throw new Error('not asked for');
    },
    spoolFolder,
    clock: () => Date.parse('2026-06-01T00:00:00Z'),
    ...changed,
  };
}

async function rowsOf(plan: Plan): Promise<PlanRow[]> {
  const rows: PlanRow[] = [];
  for (let chunk = 0; chunk < plan.chunkCount; chunk += 1)
    rows.push(...readPlanChunk(await plan.chunk(chunk)));
  return rows;
}

const LIST = 'sku,prompt,variants,quality,price\na,a mug,6,low,4\nb,a tee,1,auto,19\nc,a cap,4,,9\n';

describe('the plan of a list', () => {
  it('splits every shot at the lowest price and adds up', async () => {
    await using folder = await temporaryFolder();
    await using plan = await planList(deps(folder.path, LIST));
    const rows = await rowsOf(plan);
    expect(rows.map((row) => row.requests.map(({ kind, indices }) => [kind, indices]))).toEqual([
      [
        ['pay', [0, 1, 2]],
        ['pay', [3, 4, 5]],
      ],
      [['pay', [0]]],
      [['pay', [0, 1, 2, 3]]],
    ]);
    expect(rows[1]).toEqual({
      row: 1,
      shot: 'b',
      shotKey: expect.stringMatching(/^[0-9a-f]{32}$/),
      model: 'fal-ai/gpt-image-1-mini',
      prompt: 'a tee',
      input: { quality: 'auto', image_size: '1024x1024', background: 'auto', output_format: 'png' },
      recipe: 'catalog',
      variants: 1,
      columns: { sku: 'b', prompt: 'a tee', variants: '1', quality: 'auto', price: '19' },
      requests: [{ part: 0, indices: [0], kind: 'pay', minMicroUsd: 10_000, maxMicroUsd: 40_000 }],
    });
    expect(plan.totals).toMatchObject({
      shots: 3,
      images: 11,
      requests: 4,
      reuseRequests: 0,
      reusedImages: 0,
      minMicroUsd: 40_000 + 10_000 + 50_000,
      maxMicroUsd: 40_000 + 40_000 + 50_000,
      naiveMicroUsd: 60_000 + 40_000 + 80_000,
      cheapestMicroUsd: 20_000,
    });
    expect(plan.totals.groups.map(({ options, images }) => [options?.['quality'], images])).toEqual([
      ['medium', 4],
      ['low', 6],
      ['auto', 1],
    ]);
  });

  it('uses the take that counts for what was made anew, and is the same batch with and without it', async () => {
    await using folder = await temporaryFolder();
    const key = 'f'.repeat(32);
    const takes = async () => new Map([[0, key]]);
    await using without = await planList(deps(folder.path, LIST, { made: async () => [0] }));
    await using plan = await planList(deps(folder.path, LIST, { made: async () => [], takes }));
    const [row] = await rowsOf(plan);
    expect(row?.takes).toEqual({ 0: key });
    expect(row?.requests.find(({ kind }) => kind === 'reuse')?.indices).toEqual([0]);
    expect(plan.totals.reusedImages).toBe(3);
    expect((await rowsOf(without))[0]).not.toHaveProperty('takes');
    expect(plan.digest).toBe(without.digest);
  });

  it('pays only for what does not exist, and makes one request of what does', async () => {
    await using folder = await temporaryFolder();
    const made = async (_: string, variants: number) =>
      variants === 6 ? [5, 1, 9] : variants === 1 ? [0] : [];
    await using plan = await planList(deps(folder.path, LIST, { made }));
    const [first, second] = await rowsOf(plan);
    expect(first?.requests).toEqual([
      { part: 0, indices: [0, 2, 3, 4], kind: 'pay', minMicroUsd: 30_000, maxMicroUsd: 30_000 },
      { part: 1, indices: [1, 5], kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 },
    ]);
    expect(second?.requests).toEqual([
      { part: 0, indices: [0], kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 },
    ]);
    expect(plan.totals).toMatchObject({ images: 11, requests: 2, reuseRequests: 2, reusedImages: 3 });
    expect(plan.totals.maxMicroUsd).toBe(80_000);
  });

  it('is the same batch for the same list and options, whatever exists, and another one otherwise', async () => {
    await using folder = await temporaryFolder();
    const plan = async (list: string, changed: Partial<PlanDeps> = {}) => {
      await using made = await planList(
        deps(folder.path, list, { listName: 'My Çatalog 2026.csv', ...changed }),
      );
      return made.batchId;
    };
    const id = await plan(LIST);
    expect(id).toMatch(/^my-catalog-2026-[0-9a-f]{8}$/);
    expect(await plan(LIST.replaceAll('\n', '\r\n'))).toBe(id);
    expect(await plan(LIST, { made: async () => [0] })).toBe(id);
    // An option that says what the default says changes nothing.
    expect(await plan(LIST, { options: { inputs: { quality: 'medium' } } })).toBe(id);
    for (const other of [
      plan(LIST.replace('a cap', 'a hat')),
      plan(LIST.replace(',9\n', ',10\n')),
      plan(LIST, { options: { inputs: { quality: 'high' } } }),
      plan(LIST, { options: { inputs: {}, recipe: 'original' } }),
    ]) {
      expect(await other).not.toBe(id);
    }
  });

  it('keeps the order of the list while lookups end in any order, at most 32 at once', async () => {
    await using folder = await temporaryFolder();
    let inFlight = 0;
    let most = 0;
    const made = async (key: string) => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      for (let turns = Number.parseInt(key.slice(0, 1), 16); turns > 0; turns -= 1) await turn();
      inFlight -= 1;
      return [];
    };
    const list = `id,prompt\n${Array.from({ length: 600 }, (_, index) => `s${index},mug\n`).join('')}`;
    await using plan = await planList(deps(folder.path, list, { made }));
    expect(plan.chunkCount).toBe(3);
    expect((await rowsOf(plan)).map(({ shot, row }) => `${shot}@${row}`)).toEqual(
      Array.from({ length: 600 }, (_, index) => `s${index}@${index}`),
    );
    expect(most).toBeLessThanOrEqual(32);
    expect(most).toBeGreaterThan(8);
  });

  it('makes the same bytes each time', async () => {
    await using folder = await temporaryFolder();
    await using one = await planList(deps(folder.path, LIST));
    await using two = await planList(deps(folder.path, LIST));
    expect((await one.chunk(0)).equals(await two.chunk(0))).toBe(true);
  });

  it('names all faults of a list in one error and leaves nothing behind', async () => {
    await using folder = await temporaryFolder();
    const list = `id,prompt,quality\na,mug,low\nb,mug,ultra\nc,mug\nd,,low\n${'e,mug,ultra\n'.repeat(1)}a,mug,low\n`;
    await expect(planList(deps(folder.path, list, { listName: 'catalog.csv' }))).rejects.toThrow(
      [
        'catalog.csv has 5 faults; nothing was queued and nothing was spent.',
        '  line 3, column quality: "ultra" is not allowed; use one of low, medium, high, auto',
        '  line 4: the row has 2 cells, the header names 3 columns; fill it up',
        '  line 5, column prompt: the row has no prompt; fill in "prompt", or pass --template "… {{column}} …"',
        '  line 6, column quality: "ultra" is not allowed; use one of low, medium, high, auto',
        '  line 7, column id: "a" is also on line 2; an id may stand once in a list',
      ].join('\n'),
    );
    await expect(planList(deps(folder.path, 'id,prompt\n'))).rejects.toThrow('empty');
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('stops with the reason of the signal and leaves nothing behind', async () => {
    await using folder = await temporaryFolder();
    const stop = new AbortController();
    const made = async () => {
      stop.abort(new Error('interrupted'));
      return [];
    };
    await expect(planList(deps(folder.path, LIST, { made, signal: stop.signal }))).rejects.toThrow(
      'interrupted',
    );
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is gone from the disk when it is disposed of', async () => {
    await using folder = await temporaryFolder();
    {
      await using plan = await planList(deps(folder.path, LIST));
      expect(plan.chunkCount).toBe(1);
      expect(await readdir(folder.path)).toHaveLength(1);
    }
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('warns of the near end of a model, and leaves sync_mode out of the input where it is off', async () => {
    await using folder = await temporaryFolder();
    const list = 'id,prompt,sync_mode\na,mug,false\nb,mug,true\n';
    const clock = () => Date.parse('2026-11-24T00:00:00Z');
    await using plan = await planList(deps(folder.path, list, { clock }));
    expect(plan.warnings).toEqual([
      expect.stringContaining('sync_mode'),
      expect.stringContaining('ends on 2026-12-01, in 7 days'),
    ]);
    const [off, on] = await rowsOf(plan);
    expect(off?.input).not.toHaveProperty('sync_mode');
    expect(on?.input).toMatchObject({ sync_mode: true });
  });
});

describe('the shot key', () => {
  it('changes with what changes the picture, and with nothing else', async () => {
    await using folder = await temporaryFolder();
    const keyOf = async (columns: string, cells: string, changed: Partial<PlanDeps> = {}) => {
      await using plan = await planList(deps(folder.path, `id,prompt,${columns}\na,mug,${cells}\n`, changed));
      return (await rowsOf(plan))[0]?.shotKey;
    };
    const key = await keyOf('price', '1');
    for (const same of [
      keyOf('variants', '7'),
      keyOf('recipe', 'original'),
      keyOf('sync_mode', 'true'),
      keyOf('quality', 'medium'),
      keyOf('price', '1', { listName: 'other.csv' }),
    ]) {
      expect(await same).toBe(key);
    }
    for (const other of [
      keyOf('quality', 'low'),
      keyOf('image_size', '1536x1024'),
      keyOf('background', 'opaque'),
      keyOf('output_format', 'webp'),
    ]) {
      expect(await other).not.toBe(key);
    }
  });
});

describe('another model', () => {
  // All that a second model takes: one object like this, in a file named by the registry.
  const relight: Model = {
    endpoint: 'acme/relight/v2',
    alias: 'relight',
    description: 'Puts a product photo into another light',
    prompt: { input: 'prompt', maxCharacters: 500 },
    seen: {},
    images: { input: 'n', maxPerRequest: 2 },
    inputs: [
      {
        name: 'image_url',
        type: 'image',
        required: true,
        changesPicture: true,
        sentAtDefault: true,
        flag: 'image-url',
        description: 'the address of the product photo',
      },
      {
        name: 'steps',
        type: 'integer',
        min: 1,
        max: 50,
        default: 20,
        required: false,
        changesPicture: true,
        sentAtDefault: false,
        flag: 'steps',
        description: 'rounds of refinement',
      },
    ],
    refusals: [],
    price: { kind: 'flat', microUsdPerImage: 25_000, roundUpToMicroUsd: 1 },
    latency: { p50Ms: 2_000, p95Ms: 4_000, maxMs: 10_000 },
    notes: [],
  };
  const registry = createRegistry([defaultRegistry().get('gpt-image-1-mini'), relight]);
  const hashes = new Map([
    ['https://shop.test/mug.jpg', 'hash-of-mug'],
    ['https://mirror.test/mug.jpg', 'hash-of-mug'],
    ['https://shop.test/tee.jpg', 'hash-of-tee'],
  ]);
  const hashOf = async (url: string) => {
    const hash = hashes.get(url);
    if (hash === undefined) throw new Error(`404 ${url}`);
    return hash;
  };

  it('is planned by its own inputs, limits and price, beside the first one', async () => {
    await using folder = await temporaryFolder();
    const list = [
      'id,prompt,variants,model,image_url,steps',
      'a,golden hour,5,relight,https://shop.test/mug.jpg,30',
      'b,a mug,1,,https://shop.test/unused.jpg,',
      '',
    ].join('\n');
    await using plan = await planList(deps(folder.path, list, { registry, hashOf }));
    const [lit, plain] = await rowsOf(plan);
    expect(lit?.model).toBe('acme/relight/v2');
    expect(lit?.input).toEqual({ image_url: 'https://shop.test/mug.jpg', steps: 30 });
    expect(lit?.requests.map(({ indices, maxMicroUsd }) => [indices, maxMicroUsd])).toEqual([
      [[0, 1], 50_000],
      [[2, 3], 50_000],
      [[4], 25_000],
    ]);
    expect(plain?.input).not.toHaveProperty('image_url');
    expect(plan.totals.maxMicroUsd).toBe(125_000 + 20_000);
  });

  it('takes the bytes of an image into the shot key, not its address', async () => {
    await using folder = await temporaryFolder();
    const keyOf = async (url: string) => {
      const list = `id,prompt,model,image_url\na,dusk,relight,${url}\n`;
      await using plan = await planList(deps(folder.path, list, { registry, hashOf }));
      return (await rowsOf(plan))[0]?.shotKey;
    };
    const key = await keyOf('https://shop.test/mug.jpg');
    expect(await keyOf('https://mirror.test/mug.jpg')).toBe(key);
    expect(await keyOf('https://shop.test/tee.jpg')).not.toBe(key);
    await expect(keyOf('https://shop.test/gone.jpg')).rejects.toThrow(
      'line 2, column image_url: the image of "a" cannot be read; check its address.',
    );
  });

  it('refuses what it cannot take', async () => {
    await using folder = await temporaryFolder();
    const list = 'id,prompt,model,image_url,steps\na,dusk,relight,,\nb,dusk,relight,file:///etc/passwd,51\n';
    await expect(planList(deps(folder.path, list, { registry, hashOf }))).rejects.toThrow(
      [
        '  line 2, column image_url: relight needs it: the address of the product photo',
        '  line 3, column image_url: "file:///etc/passwd" is no address of an image; use one that starts with https://',
        '  line 3, column steps: "51" is not allowed; use a whole number from 1 to 50',
      ].join('\n'),
    );
  });
});

describe('the id of a batch', () => {
  it.each([
    ['catalog.csv', 'catalog-01234567'],
    ['Spring 2026 (final).jsonl.gz', 'spring-2026-final-01234567'],
    ['originals.csv', 'originals-01234567'],
    ['目录.csv', 'list-01234567'],
    ['--prompt', 'prompt-01234567'],
    [`${'a'.repeat(60)}.csv`, `${'a'.repeat(40)}-01234567`],
  ])('for %s is %s', (name, id) => {
    expect(batchIdOf(name, '0123456789abcdef')).toBe(id);
  });
});
