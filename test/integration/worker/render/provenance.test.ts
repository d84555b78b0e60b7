import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { parseRecipe } from '../../../../src/shared/pictures/recipes.ts';
import { assertLabelled, DIGITAL_SOURCE_TYPE, xmpOf } from '../../../../src/worker/render/provenance.ts';
import { renderAll } from '../../../../src/worker/render/render.ts';
import { transparentPng } from '../../../support/pictures.ts';

const ANYTHING = { width: undefined, height: undefined, transparent: false };
const provenance = { model: 'fal-ai/gpt-image-1-mini', madeAtMs: Date.UTC(2026, 10, 24, 12, 30) };

function recipeOf(rest: object) {
  const renditions = [
    { name: 'webp', format: 'webp', quality: 80 },
    { name: 'avif', format: 'avif', quality: 50 },
    { name: 'png', format: 'png' },
    { name: 'jpeg', format: 'jpeg', quality: 80, background: '#ffffff' },
  ];
  return parseRecipe(
    'all',
    JSON.stringify({ description: 'x', metadata: 'strip', renditions, ...rest }),
    'x',
  );
}

/** The tool that people check it with; undefined where it is not installed (Debian: libimage-exiftool-perl). */
async function exiftool(...args: string[]): Promise<unknown> {
  try {
    return JSON.parse((await promisify(execFile)('exiftool', ['-json', ...args])).stdout);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
const installed = (await exiftool('-ver').catch(() => 'there')) !== undefined;

describe('what a rendition says of its making', () => {
  (installed ? it : it.skip)('is read by exiftool in every format', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shotlist-provenance-'));
    try {
      const { renditions: rendered } = await renderAll(
        await transparentPng({ width: 64, height: 48 }),
        recipeOf({}),
        {
          provenance,
          expected: ANYTHING,
        },
      );
      const files = rendered.map(({ name, extension }) => join(folder, `${name}.${extension}`));
      await Promise.all(rendered.map(({ bytes }, at) => writeFile(files[at] ?? '', bytes)));
      const read = await exiftool('-G1', '-n', ...files);
      expect(read).toEqual(
        files.map(() =>
          expect.objectContaining({
            'XMP-iptcExt:DigitalSourceType': DIGITAL_SOURCE_TYPE,
            'XMP-iptcExt:AISystemUsed': 'fal-ai/gpt-image-1-mini',
            'XMP-xmp:CreateDate': '2026:11:24 12:30:00Z',
            'XMP-xmp:CreatorTool': 'Shotlist',
          }),
        ),
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  (installed ? it : it.skip)(
    'names the owner that the recipe names, beside the label or without it',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'shotlist-provenance-'));
      const rights = {
        creator: 'Studio Á & <B>',
        credit: 'Photo: Acme',
        copyright: '© 2026 Acme "Shop"',
        webStatement: 'https://acme.example/licence?a=1&b=2',
      };
      try {
        const original = await transparentPng({ width: 64, height: 48 });
        const both = await renderAll(original, recipeOf({ rights }), { provenance, expected: ANYTHING });
        const alone = await renderAll(original, recipeOf({ rights, provenance: 'none' }), {
          provenance,
          expected: ANYTHING,
        });
        const files: string[] = [];
        for (const [at, { bytes, extension }] of [...both.renditions, ...alone.renditions].entries()) {
          const file = join(folder, `${at}.${extension}`);
          await writeFile(file, bytes);
          files.push(file);
        }
        const read = await exiftool('-G1', '-n', ...files);
        expect(read).toEqual(
          files.map((_, at) =>
            expect.objectContaining({
              'XMP-dc:Creator': rights.creator,
              'XMP-dc:Rights': rights.copyright,
              'XMP-photoshop:Credit': rights.credit,
              'XMP-xmpRights:Marked': true,
              'XMP-xmpRights:WebStatement': rights.webStatement,
              ...(at < both.renditions.length
                ? { 'XMP-iptcExt:DigitalSourceType': DIGITAL_SOURCE_TYPE }
                : {}),
            }),
          ),
        );
        for (const { bytes } of alone.renditions) {
          expect((await sharp(bytes).metadata()).xmpAsString).not.toContain('DigitalSourceType');
        }
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  it('is left out only where the recipe says so', async () => {
    const { renditions: rendered } = await renderAll(
      await transparentPng({ width: 64, height: 48 }),
      recipeOf({ provenance: 'none' }),
      { provenance, expected: ANYTHING },
    );
    for (const { bytes } of rendered) expect((await sharp(bytes).metadata()).xmp).toBeUndefined();
  });

  it('is looked for in the written bytes: a file without it, or with another, is refused', async () => {
    const bare = sharp(await transparentPng({ width: 8, height: 8 })).webp();
    const other = bare.clone().withXmp(xmpOf({ ...provenance, model: 'another' }));
    for (const image of [bare, other]) {
      await expect(assertLabelled(await image.toBuffer(), xmpOf(provenance), 'web')).rejects.toMatchObject({
        code: 'unlabelled',
      });
    }
  });

  it('is well-formed whatever a model is called', async () => {
    const xmp = xmpOf({ ...provenance, model: 'a"b<c>&d' });
    const labelled = await sharp(await transparentPng({ width: 8, height: 8 }))
      .withXmp(xmp)
      .png()
      .toBuffer();
    await assertLabelled(labelled, xmp, 'odd');
    expect(xmp).toContain('AISystemUsed>a"b&lt;c&gt;&amp;d<');
  });
});
