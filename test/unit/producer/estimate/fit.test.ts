import { describe, expect, it } from '@jest/globals';
import { fitLines } from '../../../../src/cli/output/plan.ts';
import { commandWith } from '../../../../src/operations/list-command.ts';
import { Fit } from '../../../../src/producer/estimate/fit.ts';
import { readList } from '../../../../src/producer/list/list.ts';
import { planList } from '../../../../src/producer/plan/plan.ts';
import { systemClock } from '../../../../src/shared/base/time.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const registry = defaultRegistry();
const CENT = 10_000;

async function* text(list: string) {
  yield Buffer.from(list);
}

type Made = (shotKey: string, variants: number) => Promise<readonly number[]>;

/** What `--fit` finds of a list, and what the same list costs when it is planned at each quality. */
async function fitOf(list: string, budgetCents: number, made: Made = async () => []) {
  const hashOf = async () => '';
  const fit = new Fit(budgetCents * CENT, registry.get('gpt-image-1-mini'), { made, hashOf });
  const plan = async (inputs: Record<string, string>, onRow?: Fit['add']) => {
    await using folder = await tempFolder();
    await using planned = await planList({
      rows: readList({ kind: 'stdin', stream: text(list) }),
      listName: 'stdin',
      options: { inputs },
      registry,
      defaultModel: defaultRegistry().get('gpt-image-1-mini'),
      recipes: new Set(['catalog']),
      made,
      hashOf,
      onRow,
      spoolFolder: folder.path,
      clock: systemClock,
    });
    return planned.totals;
  };
  await plan({}, (row) => fit.add(row));
  return { ...(await fit.result()), plannedAt: (quality: string) => plan({ quality }) };
}

const LIST = `id,prompt,variants\n${Array.from({ length: 50 }, (_, at) => `p${at},a mug,${(at % 4) + 1}\n`).join('')}`;

describe('--fit', () => {
  it('adds up each quality as a plan of it would', async () => {
    const { options, plannedAt } = await fitOf(LIST, 100);
    expect(options.map(({ value }) => value)).toEqual(['low', 'medium', 'high']);
    for (const { value, requests, minMicroUsd, maxMicroUsd } of options) {
      expect({ requests, minMicroUsd, maxMicroUsd }).toEqual(
        (({ requests: r, minMicroUsd: min, maxMicroUsd: max }) => ({
          requests: r,
          minMicroUsd: min,
          maxMicroUsd: max,
        }))(await plannedAt(value)),
      );
    }
  });

  it('finds the best quality that the budget pays for to the cent, and none below the cheapest', async () => {
    const { options } = await fitOf(LIST, 0);
    const [low, medium, high] = options.map(({ maxMicroUsd }) => maxMicroUsd / CENT);
    const best = async (cents = 0) => (await fitOf(LIST, cents)).best;
    expect(await best((low ?? 0) - 1)).toBeUndefined();
    expect(await best(low)).toBe('low');
    expect(await best((medium ?? 0) - 1)).toBe('low');
    expect(await best(medium)).toBe('medium');
    expect(await best(high)).toBe('high');
  });

  it('says how many rows each quality covers where it does not fit', async () => {
    const list = 'id,prompt\na,a mug\nb,a mug\nc,a mug\n';
    const { options, best } = await fitOf(list, 2);
    // One picture of each is a cent at low, two at medium, four at high.
    expect([best, options.map(({ rows }) => rows)]).toEqual([undefined, [2, 1, 0]]);
  });

  it('looks for what exists at each quality of its own', async () => {
    const list = 'id,prompt,quality\na,a mug,high\n';
    await using folder = await tempFolder();
    let highKey = '';
    await using _plan = await planList({
      rows: readList({ kind: 'stdin', stream: text(list) }),
      listName: 'stdin',
      options: { inputs: {} },
      registry,
      defaultModel: defaultRegistry().get('gpt-image-1-mini'),
      recipes: new Set(['catalog']),
      made: async () => [],
      hashOf: async () => '',
      onRow: ({ shotKey }) => {
        highKey = shotKey;
      },
      spoolFolder: folder.path,
      clock: systemClock,
    });
    const { best, options } = await fitOf(list, 0, async (key) => (key === highKey ? [0] : []));
    expect(best).toBe('high');
    expect(options.map(({ maxMicroUsd }) => maxMicroUsd)).toEqual([CENT, 2 * CENT, 0]);
  });

  it('counts rows with a quality of their own at the fitted one, and says so', async () => {
    const fit = await fitOf('id,prompt,quality\na,a mug,high\nb,a tee,\n', 4);
    expect(fit).toMatchObject({ best: 'medium', rowsOfTheirOwn: 1, rowsOfOtherModels: 0 });
    const lines = fitLines(fit, 2, 'shotlist run …');
    expect(lines[0]).toBe('--fit $0.04: quality medium is the best that fits all 2 rows');
    expect(lines).toContainEqual(expect.stringContaining('1 row of the list names its own quality'));
    expect(lines.at(-1)).toBe('  shotlist run …');
  });

  it('names the rows that the cheapest covers where nothing fits, and no command', async () => {
    const lines = fitLines(await fitOf('id,prompt\na,a mug\nb,a tee\n', 1), 2, 'shotlist run …');
    expect(lines[0]).toBe('--fit $0.01: no quality fits all 2 rows; low, the cheapest, covers the first 1');
    expect(lines.join('\n')).not.toContain('shotlist run');
  });

  it('is refused for a model without qualities', () => {
    const model = registry.get('gpt-image-1-mini');
    const flat = { ...model, inputs: model.inputs.map(({ tier: _, ...input }) => input) };
    expect(() => new Fit(1, flat, { made: async () => [], hashOf: async () => '' })).toThrow('has none');
  });
});

describe('the command that a message prints', () => {
  it('has every choice of the person but the quality, as a shell takes it', () => {
    const args = {
      priority: 1_000,
      template: "It's {{title}}",
      quality: 'high',
      size: '1536x1024',
      simulate: true,
    } as const;
    expect(commandWith({ quality: 'low', cap: '20.5' }, 'enqueue', 'my list.csv', args, registry)).toBe(
      "shotlist enqueue 'my list.csv' --template 'It'\\''s {{title}}' --size 1536x1024 --simulate --quality low --cap 20.5",
    );
  });

  it('keeps a cap that nothing replaces', () => {
    const args = { priority: 1_000, model: 'gpt-image-1-mini', cap: 2_500_000 } as const;
    expect(commandWith({ model: 'gpt-image-2.5-flare' }, 'run', 'a.csv', args, registry)).toBe(
      'shotlist run a.csv --cap 2.5 --model gpt-image-2.5-flare',
    );
  });
});
