import { createHash } from 'node:crypto';
import sharp, { type Sharp } from 'sharp';
import type { Endpoint, Input, OutputShape } from './endpoints.ts';
import { detectFonts } from './lettering.ts';
import { sceneOf } from './scene.ts';

/** `drawn`: a product with the prompt beneath it, some 50 ms of CPU; `plain`: one colour, a few ms. */
export type PictureStyle = 'drawn' | 'plain';

export interface PictureRequest {
  readonly endpoint: Endpoint | undefined;
  readonly input: Input;
  /** Which of the request's pictures, from 0. */
  readonly index: number;
  readonly style: PictureStyle | undefined;
}

let fonts: Promise<boolean> | undefined;

/** A real file of the asked size and format. The same request gives the same bytes; another index another look. */
export async function drawPicture({
  endpoint,
  input,
  index,
  style = 'drawn',
}: PictureRequest): Promise<Buffer> {
  if (endpoint === undefined) throw new Error('the endpoint of this request is no longer served');
  const shape = endpoint.output(input);
  const prompt = typeof input['prompt'] === 'string' ? input['prompt'] : '';
  const digest = createHash('sha256').update(prompt).digest();
  if (style === 'plain') return encode(plain(shape, digest, index), shape);
  fonts ??= detectFonts();
  const quality = typeof input['quality'] === 'string' ? input['quality'] : 'auto';
  const tinted = input['background'] !== 'opaque';
  const scene = sceneOf({ shape, prompt, digest, index, quality, tinted, hasFonts: await fonts });
  const picture = sharp(Buffer.from(scene));
  return encode(shape.transparent ? picture : picture.flatten({ background: '#fff' }), shape);
}

function plain({ width, height, transparent }: OutputShape, digest: Buffer, index: number): Sharp {
  const [r = 0, g = 0, b = 0] = digest;
  const background = { r, g, b: (b + index * 60) % 256, alpha: transparent ? 0.5 : 1 };
  return sharp({ create: { width, height, channels: transparent ? 4 : 3, background } });
}

/** The cheapest settings of each codec: benches run this beside the worker. */
async function encode(picture: Sharp, { format }: OutputShape): Promise<Buffer> {
  if (format === 'jpeg') return picture.jpeg({ quality: 88 }).toBuffer();
  if (format === 'webp') return picture.webp({ quality: 88, effort: 0 }).toBuffer();
  return picture.png({ compressionLevel: 2 }).toBuffer();
}
