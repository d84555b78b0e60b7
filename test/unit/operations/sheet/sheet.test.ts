import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { sheetPage } from '../../../../src/operations/sheet/page.ts';
import type { SheetHead, SheetPicture, SheetShot } from '../../../../src/operations/sheet/sheet.ts';
import { smallestFor } from '../../../../src/operations/sheet/shots.ts';
import { pngSheet } from '../../../../src/worker/render/png-sheet.ts';
import { xmpOf } from '../../../../src/worker/render/provenance.ts';
import { pixelAt } from '../../../support/pictures.ts';

const HEAD: SheetHead = {
  batch: 'spring',
  listName: 'spring.csv',
  createdAt: '2026-11-24T15:50:00.000Z',
  madeAt: '2026-11-24T15:55:00.000Z',
  simulated: false,
  state: 'done',
  heldReason: undefined,
  shots: 2,
  images: 3,
  spentMicroUsd: 50_000,
  reservedMicroUsd: 0,
  estimateMicroUsd: 60_000,
  projectedMicroUsd: undefined,
  capMicroUsd: undefined,
  waitingForProof: 0,
};

const PICTURE: SheetPicture = {
  index: 0,
  requestId: 'r-1',
  take: 0,
  src: 'data:image/jpeg;base64,AAAA',
  missing: undefined,
  width: 420,
  height: 280,
  originalSize: '1536×1024 png',
  oddities: [],
};

const SHOT: SheetShot = {
  number: 1,
  shot: 'MUG-1',
  prompt: 'a mug',
  model: 'fal-ai/gpt-image-1-mini',
  options: { quality: 'medium', background: 'auto' },
  recipe: 'catalog',
  status: 'delivered',
  reason: undefined,
  variants: 1,
  costMicroUsd: 20_000,
  pictures: [PICTURE],
};

async function pageOf(shots: readonly Partial<SheetShot>[], head: Partial<SheetHead> = {}): Promise<string> {
  async function* given() {
    for (const shot of shots) yield { ...SHOT, ...shot };
  }
  const pieces: string[] = [];
  for await (const piece of sheetPage({ ...HEAD, ...head }, given())) pieces.push(piece);
  return pieces.join('\n');
}

/** The card of the first shot, without the page around it. */
const cardIn = (page: string) => /<article[\s\S]*<\/article>/.exec(page)?.[0] ?? '';

const EVIL = `</script></style><img src=x onerror="alert('1')"><!-- & "`;
const SAFE =
  '&lt;/script&gt;&lt;/style&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&lt;!-- &amp; &quot;';

describe('the contact sheet', () => {
  it('shows each shot with its pictures, its words, its options and what it cost', async () => {
    const card = cardIn(await pageOf([{}]));
    expect(card).toContain('data-state="delivered"');
    expect(card).toContain('<img loading="lazy" decoding="async" width="420" height="280" alt="MUG-1"');
    expect(card).toContain('src="data:image/jpeg;base64,AAAA"');
    expect(card).toContain('a mug</p>');
    expect(card).toContain('>medium</span>');
    expect(card).toContain('>background auto</span>');
    expect(card).toContain('<strong>$0.02</strong> 1 picture');
    expect(card).toContain('<code>r-1: image 0</code>');
  });

  it('says why a shot has no pictures, and that they cost nothing', async () => {
    const failed = {
      status: 'failed',
      reason: 'timeout: fal took too long',
      pictures: [],
      costMicroUsd: 0,
    } as const;
    const card = cardIn(await pageOf([failed]));
    expect(card).toContain('data-state="failed"');
    expect(card).toContain('<p class="reason">timeout: fal took too long</p>');
    expect(card).toContain('nothing was paid');
    expect(card).not.toContain('<figure');
    const lost = { ...PICTURE, src: undefined, missing: 'This picture is no longer in the store.' };
    expect(cardIn(await pageOf([{ pictures: [lost] }]))).toContain('no longer in the store');
  });

  it('tells variants and takes apart', async () => {
    const pictures = [PICTURE, { ...PICTURE, index: 1, take: 2, requestId: 'r-2' }];
    const card = cardIn(await pageOf([{ variants: 2, pictures }]));
    expect(card).toContain('alt="MUG-1, 1 of 2"');
    expect(card).toContain('alt="MUG-1, 2 of 2, take 2"');
    expect(card).toContain('<figcaption>take 2</figcaption>');
    expect(card).toContain("fal's requests");
  });

  it("takes nothing of a person's words for markup, wherever they stand", async () => {
    const page = await pageOf(
      [
        {
          shot: EVIL,
          prompt: EVIL,
          model: EVIL,
          recipe: EVIL,
          options: { [EVIL]: EVIL },
          reason: EVIL,
          variants: 2,
          pictures: [
            { ...PICTURE, requestId: EVIL, originalSize: EVIL },
            { ...PICTURE, src: undefined, missing: EVIL },
          ],
        },
      ],
      { batch: EVIL, listName: EVIL, createdAt: '2026-11-24T15:50:00.000Z', state: 'held', heldReason: EVIL },
    );
    expect(page).not.toContain('onerror="');
    expect(page).not.toContain('<img src=x');
    // One of each: the sheet's own.
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page.match(/<\/script/g)).toHaveLength(1);
    expect(page.match(/<\/style/g)).toHaveLength(1);
    expect(page.match(/<img/g)).toHaveLength(1);
    expect(page.split(SAFE).length - 1).toBeGreaterThanOrEqual(12);
  });

  it('allows itself no address and no script but its own', async () => {
    const page = await pageOf([{}]);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    const hash = (tag: string) => {
      const text = new RegExp(`<${tag}>([\\s\\S]*)</${tag}>`).exec(page)?.[1] ?? '';
      return createHash('sha256').update(text).digest('base64');
    };
    expect(policy.replaceAll('&#39;', "'").split('; ')).toEqual([
      "default-src 'none'",
      'img-src data:',
      `style-src 'sha256-${hash('style')}'`,
      `script-src 'sha256-${hash('script')}'`,
    ]);
    expect(page).not.toMatch(/https?:\/\//);
    // The policy would keep these from working.
    expect(page).not.toMatch(/ style=| on[a-z]+=/);
  });

  it('says what a proof waits for, with the commands to copy', async () => {
    const proof = { state: 'held', heldReason: 'the proof is done', waitingForProof: 388 } as const;
    const page = await pageOf([{}], { ...proof, simulated: true });
    expect(page).toContain('<strong>388 requests wait</strong>');
    expect(page).toContain('<code>shotlist approve spring --simulate</code>');
    expect(page).toContain('<code>shotlist cancel spring --simulate</code>');
    expect(page).toContain('simulated: nothing was paid');
    expect(await pageOf([{}], proof)).toContain('<code>shotlist approve spring</code>');
    expect(await pageOf([{}])).not.toContain('class="callout"');
  });

  it('shows the money of the batch', async () => {
    const page = await pageOf([], {
      projectedMicroUsd: 55_000,
      capMicroUsd: 1_000_000,
      reservedMicroUsd: 10_000,
    });
    for (const amount of ['$0.05', '$0.06', '$0.055', '$1.00', '$0.01'])
      expect(page).toContain(`<dd>${amount}`);
  });
});

describe('the file that a small picture is made of', () => {
  const sha256 = '0'.repeat(64);
  const file = (key: string, width: number, height: number) => ({
    key,
    width,
    height,
    bytes: width * height,
    format: 'webp',
    sha256,
  });
  const image = (renditions: [string, number, number][]) => ({
    index: 0,
    original: file('original', 1_536, 1_024),
    renditions: renditions.map(([name, width, height]) => ({ name, ...file(name, width, height) })),
  });

  it('is the smallest that shows the whole picture at that size', () => {
    const all = image([
      ['full', 1_536, 1_024],
      ['w800', 800, 533],
      ['w400', 400, 267],
      ['square', 500, 500],
    ]);
    expect(smallestFor(all, 420)).toBe('w800');
    expect(smallestFor(all, 400)).toBe('w400');
    expect(smallestFor(all, 1_200)).toBe('full');
  });

  it('is the original where no rendition is', () => {
    expect(smallestFor(image([['square', 500, 500]]), 420)).toBe('original');
    expect(smallestFor(image([['w300', 300, 200]]), 420)).toBe('original');
    expect(smallestFor(image([]), 420)).toBe('original');
  });
});

describe('what the checks found', () => {
  it('stands on the card, picture by picture, and is what the filter goes by', async () => {
    const odd = { ...PICTURE, index: 1, oddities: [{ check: 'fill', says: 'the subject takes <24> %' }] };
    const card = cardIn(await pageOf([{ variants: 2, pictures: [PICTURE, odd] }]));
    expect(card).toContain('data-checks="fill"');
    expect(card).toContain('<li>image 2: the subject takes &lt;24&gt; %</li>');
    expect(cardIn(await pageOf([{}]))).toContain('data-checks=""');
  });
});

describe('the sheet for a mail', () => {
  it('is one labelled PNG with a tile a shot, whatever the captions hold', async () => {
    const picture = await sharp({ create: { width: 30, height: 20, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const tiles = [
      { caption: 'MUG-1', note: '', picture },
      { caption: '<script> & \u0000 \ud800 "', note: 'content_policy_violation', picture: undefined },
    ];
    const provenance = { model: 'a-model', madeAtMs: 0 };
    const png = await pngSheet({ title: 'spring', lines: ['2 shots', '$0.05'], tiles, provenance });
    const header = await sharp(png).metadata();
    expect(header).toMatchObject({ format: 'png', xmpAsString: xmpOf(provenance) });
    // The first tile's middle.
    expect((await pixelAt(png, 114, 196)).slice(0, 3)).toEqual([255, 0, 0]);
  });
});
