import { expect, it } from '@jest/globals';
import { checkRows } from '../../../../src/producer/child/check-rows.ts';
import { FaultReport } from '../../../../src/producer/list/fault.ts';
import type { ListOptions } from '../../../../src/producer/shots/options.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const registry = defaultRegistry();
const [defaultModel] = registry.models;

async function reportOf(columns: readonly Record<string, string>[], options: ListOptions): Promise<string> {
  async function* rows() {
    for (const [at, one] of columns.entries()) yield { line: at + 2, columns: one };
  }
  if (defaultModel === undefined) throw new Error('there is a model');
  const report = new FaultReport();
  const deps = { rows: rows(), options, registry, defaultModel, recipes: new Set(['catalog']) };
  for await (const one of checkRows(deps)) if (one.kind === 'fault') report.add(one.fault);
  return report.toError('list.csv').message;
}

it('leaves what --ignore names unread, and says which the list does not have', async () => {
  if (defaultModel === undefined) throw new Error('there is a model');
  async function* rows() {
    yield { line: 2, columns: { id: 'a', prompt: 'a mug', model: 'M-300', price: '9' } };
  }
  const options = { inputs: {}, ignore: ['model', 'Price'] };
  const checked = [];
  for await (const one of checkRows({
    rows: rows(),
    options,
    registry,
    defaultModel,
    recipes: new Set(['catalog']),
  }))
    checked.push(one);
  expect(checked).toMatchObject([
    {
      kind: 'shot',
      shot: { id: 'a', model: defaultModel, columns: { id: 'a', prompt: 'a mug', price: '9' } },
    },
    { kind: 'warning', text: '--ignore "Price": the list has no such column' },
    { kind: 'default-rows', rows: 1 },
  ]);
  expect(checked[0]).not.toHaveProperty('shot.columns.model');
});

it('tells a fault of the header or of an option once, and one of a row for each', async () => {
  const rows = Array.from({ length: 30 }, () => ({ Name: 'Oat mug' }));
  const said = await reportOf(rows, { inputs: { quality: 'best' } });
  expect(said).toContain('list.csv has 3 faults');
  expect(said.match(/name one column "id" or "sku"/g)).toHaveLength(1);
  expect(said.match(/the row has no prompt/g)).toHaveLength(1);
  expect(said.match(/option --quality/g)).toHaveLength(1);
  const empty = await reportOf(
    [
      { id: 'a', prompt: '' },
      { id: '', prompt: 'a mug' },
      { id: '', prompt: 'b' },
    ],
    {
      inputs: {},
    },
  );
  expect(empty.match(/the row has no id; fill in/g)).toHaveLength(2);
});
