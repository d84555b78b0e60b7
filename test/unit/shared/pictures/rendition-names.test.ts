import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createNameJudge, type NameJudgeDeps } from '../../../../src/producer/shots/file-names.ts';
import { compileNames, namesFault, sizeWordsNote } from '../../../../src/shared/pictures/file-names.ts';
import { parseRecipe } from '../../../../src/shared/pictures/recipes.ts';
import { filesOf } from '../../../../src/worker/render/files.ts';

const RENDITIONS = [
  { name: 'full', format: 'webp', quality: 80 },
  { name: '800', format: 'webp', quality: 80, width: 800 },
  {
    name: 'thumb',
    format: 'jpeg',
    quality: 80,
    width: 256,
    height: 256,
    fit: 'contain',
    background: '#ffffff',
  },
];

function recipeOf(more: object = {}, renditions: readonly object[] = RENDITIONS) {
  return parseRecipe(
    'shop',
    JSON.stringify({ description: 'x', metadata: 'strip', renditions, ...more }),
    'shop.json',
  );
}

function judge(names: string | undefined, more: Partial<NameJudgeDeps> = {}) {
  const made = createNameJudge({ names, recipes: new Map([['shop', recipeOf()]]), ...more });
  if (made === undefined) throw new Error('there was nothing to judge');
  return made;
}

function row(
  line: number,
  columns: Readonly<Record<string, string>>,
  more: { variants?: number; recipe?: string } = {},
) {
  return {
    line,
    shot: columns['id'] ?? columns['sku'] ?? 'x',
    recipe: 'shop',
    variants: 1,
    columns,
    ...more,
  };
}

describe('the template of names', () => {
  it.each([
    ['{{sku}}-{{rendition}}', 'it must end in .{{ext}}'],
    ['{{ext}}/{{sku}}-{{rendition}}', 'it must end in .{{ext}}'],
    ['{{sku}}-{{rendition}.{{ext}}', 'close the first one with "}}"'],
    ['{{sku}}.{{ext}}', 'does not tell the renditions full and 800 apart; add {{rendition}}'],
    ['{{sku}}-{{width}}.{{ext}}', '{{width}} is empty'],
    ['{{}}.{{ext}}', 'names no column'],
    ['/{{sku}}-{{rendition}}.{{ext}}', 'lacks the name of a file or folder'],
    ['manifest.csv/{{sku}}-{{rendition}}.{{ext}}', "the name of the batch's manifest"],
  ])('%j is refused', (names, fault) => {
    // A template that only a row can judge is judged by one that has its columns.
    const said = namesFault(names, recipeOf().renditions) ?? sentenceOf(judge(names)(row(2, { sku: 'a' })));
    expect(said).toContain(fault);
  });

  it.each([
    '{{sku}}-{{rendition}}.{{ext}}',
    '{{category|misc}}/{{sku}}-{{width|full}}.{{ ext }}',
    '{{hash}}.{{ext}}',
  ])('%j is taken, in a recipe too', (names) => {
    expect(namesFault(names, recipeOf().renditions)).toBeUndefined();
    expect(recipeOf({ names }).names).toBe(names);
  });

  it('is refused in a recipe whose renditions it does not tell apart', () => {
    expect(() => recipeOf({ names: '{{sku}}.{{ext}}' })).toThrow(
      'names: it does not tell the renditions full and 800 apart; add {{rendition}}',
    );
  });

  it('takes its own words over columns that are called so', () => {
    const template = compileNames('{{id}}-{{index}}-{{rendition}}-{{width}}x{{height}}-{{hash}}.{{ext}}');
    if ('fault' in template) throw new Error(template.fault);
    const columns = {
      id: 'col',
      index: 'col',
      rendition: 'col',
      width: 'col',
      height: 'col',
      hash: 'col',
      ext: 'exe',
    };
    const nameOf = template.ofRow({ shot: 'Mug 1', columns });
    const rendition = recipeOf().renditions[2];
    if (rendition === undefined) throw new Error('no rendition');
    expect(nameOf({ index: 3, rendition, sha256: `${'ab'.repeat(8)}${'0'.repeat(48)}` })).toEqual({
      ok: true,
      name: 'Mug-1-3-thumb-256x256-abababababababab.jpg',
    });
  });
});

describe('a size in a name', () => {
  const noteOf = (names: string, fits: readonly object[]) => {
    const renditions = fits.map((fit, at) => ({ name: `r${at}`, format: 'webp', quality: 80, ...fit }));
    return sizeWordsNote(names, recipeOf({}, renditions).renditions);
  };
  const names = '{{sku}}-{{width|full}}.{{ext}}';

  it('is said to be the number of the recipe where the file may be smaller', () => {
    expect(noteOf(names, [{ width: 800 }])).toMatch(
      /^\{\{width\}\} in the names .* a file of the rendition r0 may be smaller/,
    );
    const square = { width: 300, height: 300, fit: 'cover' };
    expect(noteOf(`{{height}}-${names}`, [{ width: 800 }, square])).toMatch(
      /^\{\{width\}\} and \{\{height\}\} in the names .* a file of the rendition r0 \(and 1 more\) may be smaller/,
    );
  });

  it('is not spoken of where it is always true, or in no name', () => {
    const framed = { width: 300, height: 300, fit: 'contain', background: '#ffffff' };
    expect(noteOf(names, [framed, {}])).toBeUndefined();
    expect(noteOf('{{sku}}-{{height}}.{{ext}}', [{ width: 800 }])).toBeUndefined();
    expect(noteOf('{{sku}}-{{rendition}}.{{ext}}', [{ width: 800 }])).toBeUndefined();
  });
});

describe('the names of a batch', () => {
  it('are not judged where no template is in sight', () => {
    expect(createNameJudge({ names: undefined, recipes: new Map([['shop', recipeOf()]]) })).toBeUndefined();
  });

  it('that meet are refused with both lines and the name, whatever their case or Unicode form', () => {
    const of = judge('{{title}}-{{rendition}}.{{ext}}');
    expect(of(row(2, { id: 'a', title: 'Crème Mug' }))).toEqual({ names: '{{title}}-{{rendition}}.{{ext}}' });
    expect(of(row(3, { id: 'b', title: 'Tee' }))).toMatchObject({ names: expect.anything() });
    expect(of(row(9, { id: 'c', title: 'CRE\u0300ME MUG' }))).toEqual({
      line: 9,
      column: '--names',
      sentence: expect.stringContaining(
        '"CREME-MUG-full.webp" would be the name of a file of line 2 and of line 9',
      ),
    });
  });

  it('of two variants must differ, where a row has two', () => {
    const of = judge('{{sku}}-{{rendition}}.{{ext}}');
    expect(of(row(2, { sku: 'a' }))).toMatchObject({ names: expect.anything() });
    expect(of(row(3, { sku: 'b' }, { variants: 2 }))).toMatchObject({
      line: 3,
      sentence: '"b-full.webp" would be the name of two pictures of this row, 0 and 1; add {{index}}',
    });
  });

  it('that hold a hash of the content meet only where the files are the same', () => {
    const of = judge('{{hash}}.{{ext}}');
    for (const line of [2, 3])
      expect(of(row(line, { sku: 'a' }, { variants: 3 }))).toMatchObject({ names: expect.anything() });
  });

  it('need the columns that they name, in each row', () => {
    const of = judge('{{sku}}-{{color}}-{{rendition}}.{{ext}}');
    expect(sentenceOf(of(row(2, { sku: 'a', colour: 'red' })))).toContain(
      '{{color}} is no column of this row',
    );
    expect(sentenceOf(of(row(3, { sku: 'a', color: '' })))).toContain('{{color}} is empty');
  });

  it('come from the recipe of the row, are judged beside default names, and --names wins', () => {
    const own = recipeOf({ names: 'Mug-1/{{index}}-{{rendition}}.{{ext}}' });
    const recipes = new Map([
      ['shop', own],
      ['plain', recipeOf()],
    ]);
    const of = judge(undefined, { recipes });
    expect(of(row(2, { id: 'mug-1' }, { recipe: 'plain' }))).toEqual({ names: undefined });
    expect(of(row(3, { id: 'b' }))).toMatchObject({
      line: 3,
      column: undefined,
      sentence: expect.stringContaining(
        'the names of recipe shop: "Mug-1/0-full.webp" would be the name of a file of line 2',
      ),
    });
    expect(judge('{{id}}-{{rendition}}.{{ext}}', { recipes })(row(2, { id: 'b' }))).toEqual({
      names: '{{id}}-{{rendition}}.{{ext}}',
    });
  });

  it('say once for the whole list that --names does not fit a recipe', () => {
    expect(() => judge('{{sku}}.{{ext}}')(row(2, { sku: 'a' }))).toThrow(
      '--names "{{sku}}.{{ext}}" does not fit the recipe shop: it does not tell the renditions full and 800 apart; add {{rendition}}.',
    );
  });

  it('that were let through are all different, on a disk that ignores case too', () => {
    const names = '{{a}}{{b|-}}/{{c}}-{{index}}{{rendition}}.{{ext}}';
    const word = fc.oneof(
      fc.constantFrom('', 'a', 'A', 'ä', '-', '.', 'a-', '1', 'full', '..', '/'),
      fc.string({ maxLength: 3 }),
    );
    const rows = fc.array(
      fc.record({ a: word, b: word, c: word, variants: fc.integer({ min: 1, max: 3 }) }),
      {
        maxLength: 12,
      },
    );
    const { renditions } = recipeOf();
    let met = 0;
    fc.assert(
      fc.property(rows, (list) => {
        const of = judge(names);
        const written = new Set<string>();
        for (const [at, { variants, ...columns }] of list.entries()) {
          const judged = of(row(at + 2, columns, { variants }));
          if ('sentence' in judged) {
            met += 1;
            continue;
          }
          const { renditionKey } = filesOf(
            'b',
            { shot: 'x', columns, ...named(judged.names) },
            { renditions },
          );
          for (let index = 0; index < variants; index += 1) {
            for (const { name } of renditions) {
              const key = renditionKey(index, rendered(name)).toLowerCase();
              expect(written).not.toContain(key);
              written.add(key);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
    expect(met).toBeGreaterThan(100);
  });
});

describe('the files of a row', () => {
  const { renditions } = recipeOf();
  const columns = { sku: 'Mug 1' };

  it.each([
    [undefined, 'spring/mug-1/2-full.webp', 'public, max-age=3600'],
    ['{{sku}}-{{rendition}}.{{ext}}', 'spring/Mug-1-full.webp', 'public, max-age=3600'],
    [
      '{{rendition}}/{{sku}}.{{hash}}.{{ext}}',
      `spring/full/Mug-1.${'cd'.repeat(8)}.webp`,
      'public, max-age=31536000, immutable',
    ],
  ])('named %j lie at %j, with %j', (names, key, cacheControl) => {
    const files = filesOf('spring', { shot: 'mug-1', columns, ...named(names) }, { renditions });
    expect([files.renditionKey(2, rendered('full')), files.cacheControl]).toEqual([key, cacheControl]);
  });

  it('have no place where the plan cannot name them', () => {
    expect(() => filesOf('spring', { shot: 'mug-1', columns, names: '{{sku}}' }, { renditions })).toThrow(
      'The plan of spring',
    );
    const files = filesOf('spring', { shot: 'mug-1', columns, names: '{{color}}.{{ext}}' }, { renditions });
    expect(() => files.renditionKey(0, rendered('full'))).toThrow(
      'The plan of spring names the files of mug-1',
    );
  });
});

function named(names: string | undefined): { names?: string } {
  return names === undefined ? {} : { names };
}

function rendered(name: string) {
  return {
    name,
    format: 'webp' as const,
    contentType: 'image/webp',
    extension: name === 'thumb' ? 'jpg' : 'webp',
    width: 1,
    height: 1,
    bytes: Buffer.alloc(1),
    sha256: 'cd'.repeat(32),
  };
}

function sentenceOf(judged: ReturnType<ReturnType<typeof judge>>): string {
  return 'sentence' in judged ? judged.sentence : '';
}
