import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { endpointsOf, type Input } from '../../../../src/local/fal/endpoints.ts';
import { detectFonts, drawLine, wrap } from '../../../../src/local/fal/lettering.ts';
import { drawPicture } from '../../../../src/local/fal/pictures.ts';

const endpoint = endpointsOf().get('fal-ai/gpt-image-1-mini');
const draw = (input: Input, index = 0, style: 'drawn' | 'plain' = 'drawn') =>
  drawPicture({ endpoint, input, index, style });

describe('the pictures of the simulator', () => {
  it.each([
    ['png', '1024x1024'],
    ['jpeg', '1536x1024'],
    ['webp', '1024x1536'],
  ])('are real %s files of %s, drawn or plain', async (format, size) => {
    for (const style of ['drawn', 'plain'] as const) {
      const input = { prompt: 'a red mug', quality: 'low', image_size: size, output_format: format };
      const meta = await sharp(await draw(input, 0, style)).metadata();
      expect(meta.format).toBe(format);
      expect(`${meta.width}x${meta.height}`).toBe(size);
      expect(meta.hasAlpha).toBe(false);
    }
  });

  it.each(['png', 'webp'])('have real alpha in %s where the background is transparent', async (format) => {
    const input = {
      prompt: 'a mug',
      image_size: '1024x1024',
      background: 'transparent',
      output_format: format,
    };
    const { data, info } = await sharp(await draw(input))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(4);
    const alpha = (x: number, y: number) => data[(y * info.width + x) * 4 + 3];
    expect(alpha(2, 2)).toBe(0);
    expect(alpha(512, 600)).toBe(255);
  });

  it('differ from variant to variant and from prompt to prompt, and are the same for the same request', async () => {
    const input = { prompt: 'a red mug', quality: 'medium', image_size: '1024x1024' };
    for (const style of ['drawn', 'plain'] as const) {
      const pictures = await Promise.all([0, 1, 2, 3].map((index) => draw(input, index, style)));
      const other = await draw({ ...input, prompt: 'a blue vase' }, 0, style);
      const all = [...pictures, other].map((bytes) => bytes.toString('base64'));
      expect(new Set(all).size).toBe(5);
      expect(await draw(input, 2, style)).toEqual(pictures[2]);
    }
  });

  it('survive prompts that are no XML: markup, control characters, lone surrogates, emoji, one endless word', async () => {
    for (const prompt of ['<b>&amp;"\'', 'a\u0000\u0008\ud800b', '☕️ café 陶器', 'x'.repeat(32_000), '  ']) {
      await expect(draw({ prompt, image_size: '1024x1024' })).resolves.toBeInstanceOf(Buffer);
    }
  });
});

describe('lettering', () => {
  it('wraps at words, cuts what is too long and says so', () => {
    expect(wrap('one two three four', 9, 3)).toEqual(['one two', 'three', 'four']);
    expect(wrap('one two three four', 9, 2)).toEqual(['one two', 'three…']);
    expect(wrap('abcdefghij', 4, 3)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap(' \n ', 4, 3)).toEqual([]);
  });

  it('draws its own dots where the machine has no fonts', async () => {
    const ink = async (text: string) => {
      const line = drawLine({ text, x: 4, y: 30, sizePx: 20, fill: '#000' }, false);
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40">${line}</svg>`;
      const { channels } = await sharp(Buffer.from(svg)).stats();
      return channels[3]?.mean ?? 0;
    };
    expect(line('SIMULATED')).not.toContain('<text');
    expect(await ink('SIMULATED')).toBeGreaterThan(await ink('SIM'));
    expect(await ink('SIM')).toBeGreaterThan(0);
    function line(text: string) {
      return drawLine({ text, x: 0, y: 0, sizePx: 20, fill: '#000' }, false);
    }
  });

  it('finds out whether there are fonts', async () => {
    expect(typeof (await detectFonts())).toBe('boolean');
  });
});
