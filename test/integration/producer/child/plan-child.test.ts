import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { checkInChild, type ListProcess } from '../../../../src/producer/child/check-in-child.ts';
import { PLAN_LIMITS, PlanBrokenError, type PlanLimits } from '../../../../src/producer/child/limits.ts';
import { listProcess } from '../../../../src/producer/child/list-process.ts';
import { LIST_LIMITS } from '../../../../src/producer/list/limits.ts';
import { listName, readList, type StoredList } from '../../../../src/producer/list/list.ts';
import {
  type ListPlan,
  type PlanCheckedDeps,
  planChecked,
  planList,
} from '../../../../src/producer/plan/plan.ts';
import { createNameJudge } from '../../../../src/producer/shots/file-names.ts';
import type { ListOptions } from '../../../../src/producer/shots/options.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { loadRecipes, shippedRecipesFolder } from '../../../../src/shared/pictures/recipes.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const LIST = 'id,prompt,Quality,price\nmug,"A red mug",high,1\nhat,"A {{price}} hat",low,2\n';
const registry = defaultRegistry();
const defaultModel = registry.get('gpt-image-1-mini');
const recipes = await loadRecipes(shippedRecipesFolder());
const never = new AbortController().signal;

const hostile = (limits: Partial<PlanLimits>, environment = {}): ListProcess => ({
  ...listProcess(environment),
  file: new URL('../../../support/plan-child.ts', import.meta.url),
  limits: { ...PLAN_LIMITS, heapMb: 128, memoryMb: 400, cpuMs: 20_000, ...limits },
});

const listOf = (name: string, text: string | Buffer): StoredList => ({
  kind: 's3',
  address: `s3://shop/${name}`,
  async *open() {
    yield Buffer.from(text);
  },
});

function depsOf(
  source: StoredList,
  spoolFolder: string,
  options: ListOptions,
): Omit<PlanCheckedDeps, 'checked'> {
  return {
    listName: listName(source),
    options,
    registry,
    defaultModel,
    recipes: new Set(recipes.keys()),
    made: async () => [],
    hashOf: async () => {
      throw new Error('not asked for');
    },
    spoolFolder,
    clock: () => Date.parse('2026-06-01T00:00:00Z'),
  };
}

const maxBytes = LIST_LIMITS.unpackedBytes;

async function planned(
  source: StoredList,
  process: ListProcess,
  spoolFolder: string,
  { signal = never, options = { inputs: {} } }: { signal?: AbortSignal; options?: ListOptions } = {},
): Promise<ListPlan> {
  const child = {
    source,
    maxBytes,
    options,
    registry,
    recipes,
    defaultModel: defaultModel.endpoint,
    process,
    signal,
  };
  return await planChecked({ ...depsOf(source, spoolFolder, options), checked: checkInChild(child), signal });
}

const children = () =>
  execFileSync('ps', ['-axo', 'ppid=,command='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.trim().startsWith(`${process.pid} `) && line.includes('plan-child'));

describe('a list that ends its own planning', () => {
  it.each([
    ['loop', { cpuMs: 2_000 }, 'could not be planned within 2 s of processor time. Nothing was queued'],
    ['hoard', {}, 'could not be planned within 128 MB of memory. Nothing was queued'],
    ['buffers', {}, 'could not be planned within 128 MB of memory. Nothing was queued'],
    ['silence', { silenceMs: 1_000 }, 'could not be planned within 1 s without progress. Nothing was queued'],
    ['crash', {}, 'ended (SIGSEGV) (this is a fault of shotlist)'],
    ['killed', {}, 'was killed (SIGKILL), most likely because this machine is out of memory'],
    ['leaves', {}, 'ended (0) (this is a fault of shotlist)'],
    ['bug', {}, 'Invalid string length (this is a fault of shotlist)'],
    ['babbles', {}, 'gave an answer that cannot be used: what it said is no answer'],
    ['endless', {}, 'gave an answer that cannot be used: its answer is too long'],
  ] as const)('by %s leaves no process, no file and a sentence', async (name, limits, sentence) => {
    await using folder = await tempFolder();
    const broken = await planned(listOf(`${name}.csv`, LIST), hostile(limits), folder.path).catch(
      (error: unknown) => error,
    );
    expect(broken).toBeInstanceOf(PlanBrokenError);
    expect(broken).toMatchObject({ code: 'plan_broken', message: expect.stringContaining(sentence) });
    expect(children()).toEqual([]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('by a loop leaves the event loop of its parent alone, and an abort ends it at once', async () => {
    await using folder = await tempFolder();
    const stop = new AbortController();
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
      if (turns === 40) stop.abort(new Error('SIGTERM'));
    }, 25);
    const planning = planned(listOf('loop.csv', LIST), hostile({}), folder.path, { signal: stop.signal });
    await expect(planning).rejects.toThrow('SIGTERM');
    clearInterval(turning);
    expect(turns).toBeLessThan(80);
    expect(children()).toEqual([]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('by skipping the bytes of the list is not believed', async () => {
    await using folder = await tempFolder();
    const long = listOf('skips.csv', Buffer.alloc(8_388_608, 'x'));
    await expect(planned(long, hostile({}), folder.path)).rejects.toThrow('it did not read the whole list');
  });
});

describe('the process of a list', () => {
  it('has no secret and no setting in its environment', async () => {
    await using folder = await tempFolder();
    const secrets = { FAL_KEY: 'a:b', WEBHOOK_SECRET: 'w', AWS_SECRET_ACCESS_KEY: 's', REDIS_URL: 'r' };
    const process = hostile({}, { ...globalThis.process.env, ...secrets });
    const prompts: string[] = [];
    const source = listOf('environment.csv', LIST);
    const deps = {
      ...depsOf(source, folder.path, { inputs: {} }),
      source,
      maxBytes,
      process,
      recipes,
      signal: never,
    };
    for await (const one of checkInChild({ ...deps, defaultModel: defaultModel.endpoint }))
      if (one.kind === 'shot') prompts.push(one.shot.prompt);
    expect(prompts).toHaveLength(1);
    expect(prompts[0]).toContain('PATH');
    for (const name of Object.keys(secrets)) expect(prompts[0]).not.toContain(name);
  });

  it('plans what the same list comes to without it: digest, totals, warnings, rows', async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, 'catalog.csv.gz');
    await writeFile(path, gzipSync(LIST));
    const source = { kind: 'file', path } as const;
    const options = { inputs: { quality: 'low' }, names: '{{id}}-{{price}}-{{rendition}}.{{ext}}' };
    const judgeNames = createNameJudge({ names: options.names, recipes });
    await using one = await planList({
      ...depsOf(source, folder.path, options),
      rows: readList(source),
      judgeNames,
    });
    await using two = await planned(source, listProcess({}), folder.path, { options });
    const facts = ({ digest, batchId, totals, warnings, defaultRows, chunkCount }: ListPlan) => ({
      ...{ digest, batchId, totals, warnings, defaultRows, chunkCount },
    });
    expect(facts(two)).toEqual(facts(one));
    expect(two.warnings[0]).toContain('"Quality" is only carried along');
    expect(await two.chunk(0)).toEqual(await one.chunk(0));
  });

  it.each([
    ['faults', 'id,prompt\na,\na,mug\n,mug\n'],
    ['an unusable header', 'id,id\na,b\n'],
    ['no row', ''],
    ['UTF-16', '\ufffe'],
  ])('says the same of a list with %s', async (_, text) => {
    await using folder = await tempFolder();
    const bytes = text === '\ufffe' ? Buffer.from([0xff, 0xfe, 0x61, 0]) : text;
    const source = listOf('catalog.csv', bytes);
    const said = (error: unknown) =>
      error instanceof Error ? { name: error.name, message: error.message } : undefined;
    const deps = depsOf(source, folder.path, { inputs: {} });
    const one = await planList({ ...deps, rows: readList(source) }).catch(said);
    const two = await planned(source, listProcess({}), folder.path).catch(said);
    expect(one).toMatchObject({ name: 'UserError' });
    expect(two).toEqual(one);
  });

  it('does not take what was read before the store broke off for the list', async () => {
    await using folder = await tempFolder();
    const options = { inputs: {} };
    let plannedOne = () => {};
    const isPlanned = new Promise<void>((resolve) => {
      plannedOne = resolve;
    });
    const source: StoredList = {
      kind: 's3',
      address: 's3://shop/catalog.csv',
      async *open() {
        const rows = Array.from({ length: 2_000 }, (_, row) => `cup-${row},"A blue cup",low,3\n`);
        yield Buffer.from(LIST + rows.join(''));
        await isPlanned;
        throw new Error('the store is away');
      },
    };
    const process = listProcess({});
    const child = {
      source,
      maxBytes,
      options,
      registry,
      recipes,
      defaultModel: defaultModel.endpoint,
      process,
    };
    const deps = depsOf(source, folder.path, options);
    const made = async () => {
      plannedOne();
      return [];
    };
    const planning = planChecked({ ...deps, made, checked: checkInChild({ ...child, signal: never }) });
    await expect(planning).rejects.toThrow('the store is away');
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
