import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { DIGITAL_SOURCE_TYPE } from '../../src/worker/render/provenance.ts';
import { program, workplace } from '../support/program.ts';

const RENDITIONS = [
  { name: 'web', format: 'webp', quality: 80, width: 600, watermark: { image: 'logo.png', opacity: 0.6 } },
  { name: 'new', format: 'avif', quality: 50, width: 300, effort: 0 },
  { name: 'print', format: 'png' },
  { name: 'feed', format: 'jpeg', quality: 85, background: '#ffffff', width: 500, height: 500, fit: 'frame' },
];

interface Line {
  readonly images: readonly {
    readonly renditions: readonly { readonly key: string; readonly name: string }[];
  }[];
}

async function toolIsThere(): Promise<boolean> {
  return await promisify(execFile)('exiftool', ['-ver']).then(
    () => true,
    () => false,
  );
}
const exiftool = await toolIsThere();

describe('a recipe of a person’s own', () => {
  it('is made by the program, and exiftool reads in every file that a model made it', async () => {
    await using at = await workplace();
    await writeFile(
      join(at.path, 'mine.json'),
      JSON.stringify({ description: 'Mine.', metadata: 'strip', renditions: RENDITIONS }),
    );
    const logo = sharp({ create: { width: 40, height: 20, channels: 3, background: '#c00000' } }).png();
    await writeFile(join(at.path, 'logo.png'), await logo.toBuffer());

    const checked = await program(['recipe', 'check', './mine.json'], { cwd: at.path });
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.stdout).toContain('logo.png at the bottom-right, 20 % wide, 60 % opaque');

    const run = await program(
      ['run', '--prompt', 'A red mug', '--simulate', '--recipe', './mine.json', '--batch', 'own'],
      { cwd: at.path },
    );
    expect(run).toMatchObject({ code: 0 });
    const exported = await program(['export', 'own', '--simulate'], { cwd: at.path });
    const { images } = JSON.parse(exported.stdout) as Line;
    const renditions = images[0]?.renditions ?? [];
    expect(renditions.map(({ name }) => name)).toEqual(RENDITIONS.map(({ name }) => name));
    const files = renditions.map(({ key }) => join(at.path, '.shotlist/sim/store', key));
    for (const file of files) {
      // The same in the files of the store, with and without the tool.
      expect((await sharp(file).metadata()).xmpAsString).toContain(DIGITAL_SOURCE_TYPE);
    }
    if (!exiftool) return;
    const { stdout } = await promisify(execFile)('exiftool', ['-json', '-n', '-DigitalSourceType', ...files]);
    expect(JSON.parse(stdout)).toEqual(
      files.map(() => expect.objectContaining({ DigitalSourceType: DIGITAL_SOURCE_TYPE })),
    );
  });

  it('is refused before anything is queued where it would leave pictures unlabelled without a word', async () => {
    await using at = await workplace();
    const bare = { description: 'x', metadata: 'strip', provenance: 'none', renditions: [] };
    await writeFile(join(at.path, 'bare.json'), JSON.stringify(bare));
    const args = ['enqueue', '--prompt', 'A red mug', '--simulate', '--dry-run', '--recipe', './bare.json'];
    const refused = await program(args, { cwd: at.path });
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain('--allow-unlabelled');
    expect(await program([...args, '--allow-unlabelled'], { cwd: at.path })).toMatchObject({ code: 0 });
  });
});
