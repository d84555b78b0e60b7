import { describe, expect, it } from '@jest/globals';
import { FaultReport, faultText } from '../../../../src/producer/list/fault.ts';
import { IdSet } from '../../../../src/producer/shots/id-set.ts';
import { assertOptions, type ListOptions } from '../../../../src/producer/shots/options.ts';
import { createValidator, type Shot } from '../../../../src/producer/shots/shot.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { compileTemplate } from '../../../../src/shared/pictures/template.ts';

const registry = defaultRegistry();
const mini = registry.get('gpt-image-1-mini');
const recipes = new Set(['catalog', 'original']);

function validator(options: Partial<ListOptions> = {}) {
  const warnings = new Set<string>();
  const ids = new IdSet();
  const validate = createValidator({
    registry,
    fallback: { model: mini, rows: 0 },
    recipes,
    ids,
    warnings,
    options: { inputs: {}, ...options },
  });
  let line = 1;
  const read = (columns: Record<string, string>): Shot | string[] => {
    line += 1;
    const validated = validate({ line, columns });
    return validated.ok ? validated.shot : validated.faults.map(faultText);
  };
  return { read, warnings };
}

const shotOf = (columns: Record<string, string>, options: Partial<ListOptions> = {}): Shot => {
  const shot = validator(options).read(columns);
  if (Array.isArray(shot)) throw new Error(shot.join('\n'));
  return shot;
};

const faultsOf = (columns: Record<string, string>, options: Partial<ListOptions> = {}) =>
  validator(options).read(columns);

describe('a row', () => {
  it('takes the defaults of the contract where nothing is written', () => {
    const shot = shotOf({ id: 'a', prompt: 'a mug', quality: '', variants: ' ' });
    expect(shot).toMatchObject({ id: 'a', prompt: 'a mug', variants: 1, recipe: 'catalog', line: 2 });
    expect(shot.values).toEqual({
      quality: 'medium',
      image_size: '1024x1024',
      background: 'auto',
      output_format: 'png',
      sync_mode: false,
    });
  });

  it('says more than the command line, which says more than the default', () => {
    const options = {
      variants: '3',
      recipe: 'original',
      inputs: { quality: 'low', image_size: '1536x1024' },
    };
    const shot = shotOf({ id: 'a', prompt: 'a mug', quality: 'high', variants: '2' }, options);
    expect(shot).toMatchObject({ variants: 2, recipe: 'original' });
    expect(shot.values).toMatchObject({ quality: 'high', image_size: '1536x1024', background: 'auto' });
  });

  it.each([
    [{ ID: '11', Type: 'simple', SKU: 'BOWL-1' }, '11'],
    [{ ID: '', SKU: 'BOWL-1' }, 'BOWL-1'],
    [{ Sku: 'BOWL-1', Name: 'Bowl' }, 'BOWL-1'],
    [{ ID: '11', sku: 'BOWL-1' }, 'BOWL-1'],
  ])('may be named by id and sku in any capitals: %j', (columns, id) => {
    expect(shotOf({ ...columns, prompt: 'a bowl' }).id).toBe(id);
  });

  it('says once that a column in other capitals is read', () => {
    const { read, warnings } = validator();
    for (const id of ['a', 'b']) read({ SKU: id, prompt: 'a bowl' });
    expect([...warnings]).toEqual(['The column "SKU" is read as "sku": it names the products.']);
  });

  it('may be named by sku, keeps its id as written, and carries every column', () => {
    const columns = { sku: ' TEE-001 ', prompt: 'a tee', price_eur: '19.90', image_url: 'x' };
    const shot = shotOf(columns);
    expect(shot.id).toBe('TEE-001');
    expect(shot.columns).toEqual(columns);
    expect(shotOf({ id: 'one', sku: 'two', prompt: 'a tee' }).id).toBe('one');
  });

  it.each([
    [
      { quality: 'ultra' },
      'line 2, column quality: "ultra" is not allowed; use one of low, medium, high, auto',
    ],
    [
      { quality: 'High' },
      'line 2, column quality: "High" is not allowed; use one of low, medium, high, auto',
    ],
    [
      { image_size: '1x1' },
      'line 2, column image_size: "1x1" is not allowed; use one of 1024x1024, 1536x1024, 1024x1536, auto',
    ],
    [
      { output_format: 'jpg' },
      'line 2, column output_format: "jpg" is not allowed; use one of png, jpeg, webp',
    ],
    [{ variants: '0' }, 'line 2, column variants: "0" is not allowed; use a whole number from 1 to 100'],
    [{ variants: '101' }, 'line 2, column variants: "101" is not allowed; use a whole number from 1 to 100'],
    [{ variants: '2.5' }, 'line 2, column variants: "2.5" is not allowed; use a whole number from 1 to 100'],
    [{ sync_mode: 'maybe' }, 'line 2, column sync_mode: "maybe" is not allowed; use true or false'],
    [{ recipe: 'poster' }, 'line 2, column recipe: "poster" is not allowed; use one of catalog, original'],
    [
      { model: 'gpt-imagine-1-mini' },
      'line 2, column model: there is no model "gpt-imagine-1-mini"; the nearest is gpt-image-1-mini (a "model" of the shop\'s own: --ignore model)',
    ],
    [
      { background: 'transparent', output_format: 'jpeg' },
      'line 2, column background: background "transparent" with output_format "jpeg" is not allowed: ' +
        'a jpeg cannot be transparent; use png or webp, or another background',
    ],
    [
      { prompt: '' },
      'line 2, column prompt: the row has no prompt; fill in "prompt", or pass --template "… {{column}} …"',
    ],
    [{ id: '' }, 'line 2, column id: the row has no id; fill in "id" (or "sku")'],
    [
      { id: 'a\u0000b' },
      'line 2, column id: "a\\u0000b" holds a control character; an id is one line of text',
    ],
  ])('with %j is refused with line, column, value and what is allowed', (columns, fault) => {
    expect(faultsOf({ id: 'a', prompt: 'a mug', ...columns })).toEqual([fault]);
  });

  it('names every fault it has, and the option where the value came from the command line', () => {
    expect(
      faultsOf(
        { id: 'a', prompt: 'a mug', quality: 'ultra', variants: 'x', output_format: 'jpeg' },
        { inputs: { background: 'transparent' } },
      ),
    ).toEqual([
      'line 2, column variants: "x" is not allowed; use a whole number from 1 to 100',
      expect.stringContaining('column quality: "ultra"'),
      expect.stringContaining('column output_format: background "transparent" with output_format "jpeg"'),
    ]);
    expect(faultsOf({ id: 'a', prompt: 'a mug' }, { variants: '7000' })).toEqual([
      'line 2, option --variants: "7000" is not allowed; use a whole number from 1 to 100',
    ]);
  });

  it('may have a prompt of 32,000 characters, an astral one counted once, and not one more', () => {
    const prompt = '🏺'.repeat(32_000);
    expect(shotOf({ id: 'a', prompt }).prompt).toBe(prompt);
    expect(faultsOf({ id: 'a', prompt: `${prompt}.` })).toEqual([
      expect.stringContaining('has 32,001 characters; gpt-image-1-mini takes 32,000'),
    ]);
  });

  it('cannot repeat an id, also in another Unicode form, but in another case', () => {
    const { read } = validator();
    expect(read({ id: 'caf\u00e9', prompt: 'a' })).toMatchObject({ id: 'caf\u00e9' });
    expect(read({ id: 'cafe\u0301', prompt: 'a' })).toEqual([
      'line 3, column id: "cafe\u0301" is also on line 2; an id may stand once in a list',
    ]);
    expect(read({ id: 'CAF\u00c9', prompt: 'a' })).toMatchObject({ variants: 1 });
  });

  it('warns once of sync_mode, and of a column that the planner manages', () => {
    const { read, warnings } = validator();
    read({ id: 'a', prompt: 'a', sync_mode: 'false' });
    expect(warnings.size).toBe(0);
    read({ id: 'b', prompt: 'a', sync_mode: 'TRUE' });
    read({ id: 'c', prompt: 'a', sync_mode: '1', num_images: '4' });
    expect([...warnings]).toEqual([
      expect.stringContaining('missing from the history'),
      expect.stringContaining('num_images is carried along but not used'),
    ]);
  });
});

describe('a column that is nearly called like one that is read', () => {
  it('is carried along, with a warning', () => {
    const { read, warnings } = validator();
    read({ id: 'a', prompt: 'a mug', Quality: 'high', 'Image Size': '1024x1024', size: 'XL' });
    read({ id: 'b', prompt: 'a mug', Quality: 'high' });
    expect([...warnings]).toEqual([
      'The column "Quality" is only carried along: the column that is read is called "quality".',
      'The column "Image Size" is only carried along: the column that is read is called "image_size".',
    ]);
  });
});

describe('a prompt template', () => {
  it('is filled in from any column', () => {
    const columns = { sku: 'a', title: 'Mug', color: '', 'main material': 'clay' };
    const template = 'A {{color|white}} {{ title }} of {{main material}}, studio';
    expect(shotOf(columns, { template }).prompt).toBe('A white Mug of clay, studio');
  });

  it('gives way to a prompt of the row, unless it uses it', () => {
    const columns = { sku: 'a', title: 'Mug', prompt: 'a {{title}} on oak' };
    expect(shotOf(columns, { template: 'Photo of {{title}}' }).prompt).toBe('a Mug on oak');
    expect(shotOf(columns, { template: '{{prompt}}, studio light' }).prompt).toBe(
      'a Mug on oak, studio light',
    );
  });

  it('never reads a filled-in value again', () => {
    expect(shotOf({ sku: 'a', title: '{{sku}}' }, { template: 'a {{title}}' }).prompt).toBe('a {{sku}}');
  });

  it('is refused for a column that is not there or empty', () => {
    expect(faultsOf({ sku: 'a', title: 'Mug' }, { template: 'a {{titel}}' })).toEqual([
      'line 2, option --template: {{titel}} is no column of this row; the nearest is title',
    ]);
    expect(faultsOf({ sku: 'a', title: '' }, { template: 'a {{title}}' })).toEqual([
      'line 2, option --template: {{title}} is empty; fill it in, or write {{title|default}}',
    ]);
    expect(faultsOf({ sku: 'a', prompt: 'a {{constructor}}' })).toEqual([
      expect.stringContaining('column prompt: {{constructor}} is no column of this row'),
    ]);
  });

  it('is refused where it cannot be read', () => {
    expect(compileTemplate('a {{title')).toEqual({ fault: expect.stringContaining('has no "}}"') });
    expect(compileTemplate('a {{ |x}}')).toEqual({ fault: expect.stringContaining('names no column') });
  });
});

describe('options of the command line', () => {
  const check = (options: Partial<ListOptions>) => () =>
    assertOptions({ inputs: {}, ...options }, { registry, defaultModel: mini, recipes });

  it('that no row could use are refused together, before the list is read', () => {
    expect(check({ variants: '4', recipe: 'original', inputs: { quality: 'low' } })).not.toThrow();
    expect(check({ variants: '0', inputs: { image_size: 'huge', steps: '3' }, template: '{{' })).toThrow(
      '--variants "0" is not allowed; use a whole number from 1 to 100; --template: a "{{" has no "}}"; write {{column}} or ' +
        '{{column|default}}; --size "huge" is not allowed; use one of 1024x1024, 1536x1024, 1024x1536, auto; no model has an ' +
        'input steps; leave the option out.',
    );
    expect(check({ model: 'dall-e' })).toThrow('There is no model "dall-e"');
  });
});

describe('a fault report', () => {
  it('shows the first twenty faults and says how many more', () => {
    const report = new FaultReport();
    for (let line = 2; line < 1_502; line += 1) report.add({ line, column: 'quality', sentence: 'bad' });
    const { message, code } = report.toError('catalog.csv');
    expect(code).toBe('bad_list');
    expect(message.split('\n')).toHaveLength(22);
    expect(message).toMatch(
      /^catalog.csv has 1,500 faults; nothing was queued and nothing was spent.\n {2}line 2, column quality: bad\n/,
    );
    expect(message).toMatch(/ {2}line 21, column quality: bad\n {2}and 1,480 more.$/);
  });
});

describe('the set of ids', () => {
  it('knows each of many ids and the line it was on', () => {
    const ids = new IdSet();
    for (let line = 1; line <= 20_000; line += 1) expect(ids.add(`sku-${line}`, line)).toBeUndefined();
    for (let line = 1; line <= 20_000; line += 1) expect(ids.add(`sku-${line}`, 7)).toBe(line);
  });
});
