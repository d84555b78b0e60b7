import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { presignTtl } from '../../../../src/cli/options/values.ts';
import { presetCsv } from '../../../../src/operations/export/preset-csv.ts';
import { handleOf } from '../../../../src/operations/export/preset-rows.ts';
import { loadPreset } from '../../../../src/operations/export/presets.ts';
import { presignedLines } from '../../../../src/operations/export/presign.ts';
import { PRESET_NAMES, type PresetName } from '../../../../src/shared/base/choices.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { type ManifestLine, manifestLine } from '../../../../src/shared/manifest/manifest.ts';
import { openS3Store } from '../../../../src/shared/store/s3/store.ts';
import { readPage, tableOf } from '../../../support/docs.ts';
import { s3Config } from '../../../support/s3-suite.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const urlOf = (key: string) => `https://pictures.example.com/${key}`;

function picture(key: string, width: number) {
  return { key, width, height: width, bytes: 1, format: 'webp', sha256: 'a'.repeat(64) };
}

/** A shot with so many pictures, each an original, a full and a thumb. */
function line(shot: string, row: Record<string, string>, images: number): ManifestLine {
  const delivered = Array.from({ length: images }, (_, index) => ({
    index,
    requestId: `r-${index}`,
    original: picture(`originals/${shot}/${index}.png`, 1_024),
    renditions: [
      { name: 'thumb', ...picture(`b/${shot}/${index}-thumb.jpg`, 256) },
      { name: 'full', ...picture(`b/${shot}/${index}-full.webp`, 1_024) },
    ],
  }));
  const end =
    images === 0
      ? { status: 'failed' as const, code: 'failed_run', message: 'it failed' }
      : { status: 'delivered' as const, images: delivered };
  const options = { urlOf, costMicroUsd: 0, simulated: false };
  return manifestLine({ shot, columns: row, prompt: 'a mug' }, [end], options);
}

async function csvOf(presetName: PresetName, lines: readonly ManifestLine[]) {
  let leftOut = 0;
  const rows: string[] = [];
  const csv = presetCsv(inOrder(lines), {
    preset: await loadPreset(presetName),
    presetName,
    listName: 'mugs.csv',
    urlOf,
    onLeftOut: (shots) => {
      leftOut = shots;
    },
  });
  for await (const row of csv) rows.push(row);
  return { rows, leftOut };
}

async function* inOrder<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('export --preset shopify', () => {
  it('writes a row an image, the product told in the first alone', async () => {
    const { rows, leftOut } = await csvOf('shopify', [
      line('MUG-1', { sku: 'MUG-1', title: 'Red mug', price: '9.50', note: 'x', Vendor: 'Kiln' }, 2),
      line('mug/2', { sku: 'mug/2', title: '=Blue, mug', price: '8', note: '', Vendor: '' }, 1),
      line('mug-3', { sku: 'mug-3', title: 'Grey mug', price: '8', note: '', Vendor: '' }, 0),
    ]);
    expect(rows).toEqual([
      'Title,URL handle,Vendor,SKU,Option1 name,Option1 value,Price,Product image URL,Image position,Image alt text',
      'Red mug,mug-1,Kiln,MUG-1,Title,Default Title,9.50,https://pictures.example.com/b/MUG-1/0-full.webp,1,Red mug',
      ',mug-1,,,,,,https://pictures.example.com/b/MUG-1/1-full.webp,2,Red mug',
      `"=Blue, mug",${handleOf('mug/2')},,mug/2,Title,Default Title,8,https://pictures.example.com/b/mug/2/0-full.webp,1,"=Blue, mug"`,
    ]);
    expect(leftOut).toBe(1);
  });

  it('takes no variant for granted where the list has none of its columns', async () => {
    const { rows } = await csvOf('shopify', [line('mug', { Title: 'Mug', 'Image alt text': 'A mug' }, 1)]);
    expect(rows).toEqual([
      'Title,URL handle,Product image URL,Image position,Image alt text',
      'Mug,mug,https://pictures.example.com/b/mug/0-full.webp,1,A mug',
    ]);
  });

  it('says in one sentence which columns are to be added', async () => {
    await expect(csvOf('shopify', [line('mug', { id: 'mug' }, 1)])).rejects.toMatchObject({
      name: 'UserError',
      message: '--preset shopify: Shopify needs a column that mugs.csv has not; add to the list: Title.',
    });
  });

  it('refuses two shots that would become one product, unless the list names the handles', async () => {
    const shots = (more: object) => ['MUG', 'mug'].map((id) => line(id, { title: id, ...more }, 1));
    await expect(csvOf('shopify', shots({}))).rejects.toMatchObject({ code: 'preset_handles' });
    const { rows } = await csvOf('shopify', shots({ Handle: 'one' }));
    expect(rows.slice(1).map((row) => row.split(',')[1])).toEqual(['one', 'one']);
  });

  it('makes handles of letters, digits and dashes that tell ids apart', () => {
    const ids = ['tee-1', 'tee 1', 'tee/1', 'tee_1', 'tee--1', '-tee-1', 'Größe', '日本', '…'];
    const handles = ids.map(handleOf);
    expect(new Set(handles).size).toBe(ids.length);
    for (const handle of handles) expect(handle).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(handleOf('tee-1')).toBe('tee-1');
    expect(handleOf('TEE-1')).toBe('tee-1');
  });
});

describe('export --preset google', () => {
  const row = {
    name: 'Red mug',
    description: 'Holds tea.',
    link: 'https://shop.example.com/mug',
    availability: 'in_stock',
    price: '9.50 EUR',
    colour: 'red',
    'internal note': 'x',
  };

  it('writes a row a shot, with up to ten more images in one cell', async () => {
    const { rows } = await csvOf('google', [line('MUG-1', row, 1), line('MUG,2', { ...row, price: '' }, 12)]);
    const more = Array.from(
      { length: 10 },
      (_, at) => `https://pictures.example.com/b/MUG%2C2/${at + 1}-full.webp`,
    );
    expect(rows).toEqual([
      'id,title,description,link,image_link,additional_image_link,availability,price,color',
      'MUG-1,Red mug,Holds tea.,https://shop.example.com/mug,https://pictures.example.com/b/MUG-1/0-full.webp,,in_stock,9.50 EUR,red',
      `"MUG,2",Red mug,Holds tea.,https://shop.example.com/mug,"https://pictures.example.com/b/MUG,2/0-full.webp","${more.join(',')}",in_stock,,red`,
    ]);
  });

  it('names all the columns that are missing at once', async () => {
    await expect(csvOf('google', [line('mug', { title: 'Mug' }, 1)])).rejects.toThrow(
      'Google Merchant Center needs columns that mugs.csv has not; add to the list: description, link, availability, price.',
    );
  });

  it('writes texts as long as the list has them, and takes the largest picture or the original where there is no full one', async () => {
    const long = line('mug', { ...row, name: 'x'.repeat(200) }, 1);
    const images = (renditions: ManifestLine['images'][number]['renditions']) =>
      long.images.map((image) => ({ ...image, renditions }));
    const named = (name: string, width: number) => ({ name, url: urlOf(name), ...picture(name, width) });
    const largest = { ...long, images: images([named('s', 100), named('l', 900)]) };
    const none = { ...long, images: images([]) };
    const { rows } = await csvOf('google', [largest, none]);
    const cells = rows.slice(1).map((text) => text.split(','));
    expect(cells.map(([, title]) => title?.length)).toEqual([200, 200]);
    expect(cells.map((each) => each[4])).toEqual([urlOf('l'), urlOf('originals/mug/0.png')]);
  });
});

describe('pictures', () => {
  /** A list that came from this importer has each of its columns. */
  const whole = async (name: PresetName): Promise<Record<string, string>> =>
    Object.fromEntries((await loadPreset(name)).columns.map(({ title }) => [title, `old ${title}`]));

  it.each([
    ['shopify', ['Product image URL', 'Image position'], [urlOf('b/mug/0-full.webp'), '1']],
    [
      'google',
      ['image_link', 'additional_image_link'],
      [urlOf('b/mug/0-full.webp'), urlOf('b/mug/1-full.webp')],
    ],
  ] as const)(
    'of a list from %s are the new ones, and all else is what the list said',
    async (name, titles, made) => {
      const row = await whole(name);
      const { rows } = await csvOf(name, [line('mug', row, 2)]);
      const [head = [], first = []] = rows.map((text) => text.split(','));
      const cells = Object.fromEntries(head.map((title, at) => [title, first[at]]));
      const ours = Object.fromEntries(titles.map((title, at) => [title, made[at]]));
      expect(cells).toEqual({ ...row, ...ours });
      expect(rows.join()).not.toMatch(
        /old (image_link|additional_image_link|Product image URL|Image position)/,
      );
    },
  );

  it('have no second picture of old where there is one new one', async () => {
    const { rows } = await csvOf('google', [line('mug', await whole('google'), 1)]);
    const [head = [], first = []] = rows.map((text) => text.split(','));
    expect(first[head.indexOf('additional_image_link')]).toBe('');
  });

  it("are described by the row's alt, else its title, never by the prompt, in 512 characters", async () => {
    const list = [
      line('a', { title: 'Mug', alt: 'A mug on oak', prompt: 'studio photo' }, 1),
      line('b', { title: 'Bowl', alt: ' ', prompt: 'studio photo' }, 1),
      line('c', { title: 'x'.repeat(600), alt: '', prompt: 'studio photo' }, 1),
    ];
    const { rows } = await csvOf('shopify', list);
    const alts = rows.slice(1).map((text) => text.split(',').at(-1));
    expect(alts).toEqual(['A mug on oak', 'Bowl', 'x'.repeat(512)]);
  });
});

describe('the file of presets', () => {
  it.each(PRESET_NAMES)('is whole for %s, and docs/export.md shows its source and day', async (name) => {
    const { source, seen } = await loadPreset(name);
    const rows = tableOf(await readPage('docs/export.md'), 'preset');
    expect(rows.find(([first]) => first === name)?.slice(1)).toEqual([
      expect.any(String),
      `<${source}>`,
      seen,
    ]);
  });

  it('is refused where it contradicts itself', async () => {
    await using folder = await tempFolder();
    const file = join(folder.path, 'export.json');
    const preset = { ...(await loadPreset('google')), columns: [{ title: 'id', from: [], with: ['price'] }] };
    await writeFile(file, JSON.stringify({ shopify: await loadPreset('shopify'), google: preset }));
    await expect(loadPreset('google', file)).rejects.toThrow('names none of them: price');
  });
});

describe('export --presign', () => {
  it.each([
    ['1m', 60],
    ['12h', 43_200],
    ['7d', 604_800],
  ])('takes %s', (text, seconds) => {
    expect(presignTtl(text)).toBe(seconds);
  });

  it.each(['0m', '59s', '8d', '169h', '7', 'd', '-1d', '1.5h'])('refuses %s', (text) => {
    expect(() => presignTtl(text)).toThrow('from 1m (a minute) to 7d');
  });

  it('gives every original and rendition an address of its own, in the lines and in the presets', async () => {
    await using store = openS3Store({
      config: { ...s3Config({ endpoint: 'http://127.0.0.1:9', bucket: 'pictures' }), prefix: 'p/' },
      credentials: { accessKeyId: 'an-id', secretAccessKey: 'a-secret' },
      log: silentLogger,
    });
    const plain = [line('MUG-1', { title: 'Mug' }, 2)];
    const lines: ManifestLine[] = [];
    for await (const one of presignedLines(inOrder(plain), store, 3_600)) lines.push(one);
    const urls = lines.flatMap(({ images }) =>
      images.flatMap(({ original, renditions }) => [original.url ?? '', ...renditions.map(({ url }) => url)]),
    );
    expect(urls).toHaveLength(6);
    for (const url of urls) {
      const { searchParams } = new URL(url);
      expect(searchParams.get('X-Amz-Expires')).toBe('3600');
      expect(searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
      expect(url).not.toContain('a-secret');
    }
    expect(new URL(urls[0] ?? '').pathname).toBe('/pictures/p/originals/MUG-1/0.png');
    const { rows } = await csvOf('shopify', lines);
    expect(rows[1]).toContain('/pictures/p/b/MUG-1/0-full.webp?X-Amz-');
  });
});
