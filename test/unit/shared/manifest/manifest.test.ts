import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { csvLine, harmless, importerLine } from '../../../../src/shared/manifest/csv-line.ts';
import {
  manifestLine,
  type RequestEnd,
  type ShotStatus,
  statusOfShot,
} from '../../../../src/shared/manifest/manifest.ts';
import { ManifestColumns } from '../../../../src/shared/manifest/manifest-csv.ts';
import { anImage, aRow } from '../../../support/filled-store.ts';

const ends: Record<ShotStatus, RequestEnd> = {
  delivered: { status: 'delivered', images: [anImage(0)] },
  failed: { status: 'failed', code: 'content_policy', message: 'fal refused it.' },
  held: { status: 'held', reason: 'the batch cap of $1.00 leaves no room' },
  cancelled: { status: 'cancelled' },
  pending: { status: 'pending' },
  retired: { status: 'retired' },
};
const options = { urlOf: (key: string) => `https://shop/${key}`, costMicroUsd: 30_000, simulated: false };

describe('a line of the manifest', () => {
  it.each<[ShotStatus[], ShotStatus]>([
    [['delivered', 'delivered'], 'delivered'],
    [['delivered', 'failed'], 'failed'],
    [['failed', 'pending'], 'pending'],
    [['held', 'failed'], 'held'],
    [['cancelled', 'delivered'], 'cancelled'],
    [['cancelled', 'failed'], 'failed'],
    [['held', 'pending'], 'pending'],
  ])('says of requests that are %j that the shot is %s', (statuses, expected) => {
    expect(statusOfShot(statuses.map((status) => ends[status]))).toBe(expected);
  });

  it('puts the images of all requests in the order of their indices, with the address of each rendition', () => {
    const line = manifestLine(
      aRow(0, 'tee', 2, { name: 'Tee' }),
      [
        { status: 'delivered', images: [anImage(1)] },
        { status: 'delivered', images: [anImage(0)] },
      ],
      options,
    );
    expect(line).toMatchObject({ shot: 'tee', row: { id: 'tee', name: 'Tee' }, error: null, costUsd: 0.03 });
    expect(line.images.map(({ index }) => index)).toEqual([0, 1]);
    expect(line.images[0]?.renditions[0]).toMatchObject({
      name: 'thumb',
      url: 'https://shop/b/shot/0-thumb.jpg',
    });
    expect(line).not.toHaveProperty('simulated');
  });

  it('names each reason once, as "code: message"', () => {
    const line = manifestLine(aRow(0, 'tee'), [ends.failed, ends.failed, ends.held], options);
    expect(line.error).toBe('content_policy: fal refused it.; held: the batch cap of $1.00 leaves no room');
  });

  it('says that it is simulated where it is', () => {
    const line = manifestLine(aRow(0, 'tee'), [ends.delivered], { ...options, simulated: true });
    expect(line).toHaveProperty('simulated', true);
  });
});

describe('the manifest as CSV', () => {
  it.each(
    [
      ['=1+1', '+A1', '-A1', '@a', '\tx', '\rx', '＝1'],
      [' =1+1', '\u00a0=1+1', '\u200b=1+1', '\ufeff=1+1', '\u202e=1+1', '\u0000=1+1', '-1+1', '+1-A1', '- 1'],
    ].flat(),
  )('keeps a spreadsheet from running %j', (text) => {
    expect(harmless(text)).toBe(`'${text}`);
  });

  it.each([
    ['x;=1+1', "x;'=1+1"],
    ['a\t=1+1', "a\t'=1+1"],
    ['a|b; @c', "a|b;' @c"],
    ['two\n=lines', "two\n'=lines"],
    ['=a;=b', "'=a;'=b"],
  ])('keeps one that splits at other separators from running %j', (text, safe) => {
    expect(harmless(text)).toBe(safe);
    expect(csvLine([text])).toBe(`"${safe}"`);
  });

  it.each(['-1', '+1', '-5,50', '+1.5e-3', ' -2 %', 'x; -5', 'a-b', 'MUG=1', ''])(
    'leaves %j as it is',
    (text) => {
      expect(harmless(text)).toBe(text);
    },
  );

  it('writes for an importer what the list said', () => {
    expect(importerLine(['=1+1', '-A', 'x;=1', 0.5, undefined])).toBe('=1+1,-A,"x;=1",0.5,');
  });

  it('leaves other text and numbers as they are, and quotes each text', () => {
    const cells = ['a-b', 'say "hi"', 'two\nlines', 'x,y', 'a =1+1', 0.5, -1, true, '', undefined];
    const line = csvLine(cells);
    expect(line).toBe('"a-b","say ""hi""","two\nlines","x,y","a =1+1",0.5,-1,true,,');
    expect(parse(line)).toEqual([cells.map((cell) => String(cell ?? ''))]);
  });

  it("has the person's own columns first, and ours beside one of the same name", () => {
    const seen = new ManifestColumns();
    const one = manifestLine(aRow(0, 'tee', 1, { status: 'new' }), [ends.delivered], options);
    const two = manifestLine(
      aRow(1, 'mug', 1, { colour: 'red' }),
      [{ status: 'delivered', images: [anImage(1)] }],
      options,
    );
    seen.see(one);
    seen.see(two);
    const columns = seen.columns(options.urlOf);
    expect(columns.map(({ title }) => title)).toEqual([
      'id',
      'status',
      'colour',
      'prompt',
      'shotlist_status',
      'error',
      'cost_usd',
      'image_0',
      'image_0_thumb',
      'image_1',
      'image_1_thumb',
    ]);
    expect(columns.map(({ cell }) => cell(one))).toEqual([
      'tee',
      'new',
      undefined,
      'a picture of tee',
      'delivered',
      undefined,
      0.03,
      'https://shop/originals/shot/0.png',
      'https://shop/b/shot/0-thumb.jpg',
      undefined,
      undefined,
    ]);
  });

  it('has a column for the take of an image that was made again in any row, and no other', () => {
    const seen = new ManifestColumns();
    const again: RequestEnd = { status: 'delivered', images: [{ ...anImage(0), take: 2 }] };
    const lines = [
      manifestLine(aRow(0, 'tee', 1, {}), [again], options),
      manifestLine(
        aRow(1, 'mug', 1, {}),
        [{ status: 'delivered', images: [anImage(0), anImage(1)] }],
        options,
      ),
      manifestLine(aRow(2, 'hat', 1, {}), [ends.pending], options),
    ];
    for (const line of lines) seen.see(line);
    const columns = seen.columns(options.urlOf);
    expect(columns.map(({ title }) => title).filter((title) => /^(take|image)/.test(title))).toEqual([
      'image_0',
      'take_0',
      'image_0_thumb',
      'image_1',
      'image_1_thumb',
    ]);
    const take = columns.find(({ title }) => title === 'take_0');
    expect(lines.map((line) => take?.cell(line))).toEqual([2, 0, undefined]);
  });

  it("has a column for the shot where the person's own columns do not name it", () => {
    const seen = new ManifestColumns();
    seen.see(
      manifestLine(
        { shot: 'prompt-1', prompt: 'a mug', columns: { prompt: 'a mug' } },
        [ends.pending],
        options,
      ),
    );
    expect(seen.columns(options.urlOf).map(({ title }) => title)).toEqual([
      'prompt',
      'shot',
      'status',
      'error',
      'cost_usd',
    ]);
  });
});
