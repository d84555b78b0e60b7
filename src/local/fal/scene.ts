import { type Colour, colourOf } from './colours.ts';
import type { OutputShape } from './endpoints.ts';
import { drawLine, wrap } from './lettering.ts';
import { shapeOf } from './shapes.ts';

export interface SceneRequest {
  readonly shape: OutputShape;
  readonly prompt: string;
  /** Of the prompt: decides colours and, where no word of the prompt does, the product. */
  readonly digest: Buffer;
  readonly index: number;
  readonly quality: string;
  /** A coloured studio wall; white where false. */
  readonly tinted: boolean;
  readonly hasFonts: boolean;
}

/** How the four pictures of one request differ: the product's shade, place, size and side, and that of the light. */
const VARIANTS = [
  { hue: 0, shift: 0, scale: 2.5, mirrored: false, lightX: 0.34 },
  { hue: 6, shift: -54, scale: 2.68, mirrored: true, lightX: 0.66 },
  { hue: -7, shift: 50, scale: 2.36, mirrored: false, lightX: 0.24 },
  { hue: 12, shift: 12, scale: 2.74, mirrored: true, lightX: 0.76 },
] as const;

const INK = '#2b2d33';
/** So that a white card shows on a white ground. */
const EDGE = 'stroke="#2b2d33" stroke-opacity=".12"';
const BODY_BOX = 200;

/** The SVG of a product in a studio, the prompt on a card below it, and a mark that says that it is simulated. */
export function sceneOf(request: SceneRequest): string {
  const { shape, digest, index } = request;
  const { width, height } = shape;
  const unit = Math.min(width, height) / 1024;
  const variant = VARIANTS[index % VARIANTS.length] ?? VARIANTS[0];
  const named = colourOf(request.prompt, digest[1] ?? 0);
  const colour = { ...named, hue: named.hue + variant.hue };
  const wallHue = ((digest[2] ?? 0) * 360) / 256 + index * 71;
  const centreX = width / 2 + variant.shift * unit;
  const floorY = height / 2 + 232 * unit;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<defs>${bodyGradient(colour, request.quality)}${SHADOW}${wallGradients(request, wallHue, variant.lightX)}</defs>` +
    backdrop(request, floorY) +
    `<ellipse cx="${centreX}" cy="${floorY - 2 * unit}" rx="${variant.scale * 132 * unit}" ry="${variant.scale * 17 * unit}" fill="url(#shadow)"/>` +
    product(request, {
      colour,
      unit,
      centreX,
      floorY,
      scale: variant.scale * unit,
      mirrored: variant.mirrored,
    }) +
    card(request, unit) +
    marks(request, unit) +
    '</svg>'
  );
}

const SHADOW =
  '<radialGradient id="shadow"><stop offset="0" stop-color="#1c1a20" stop-opacity=".42"/>' +
  '<stop offset=".55" stop-color="#1c1a20" stop-opacity=".16"/><stop offset="1" stop-color="#1c1a20" stop-opacity="0"/></radialGradient>';

function bodyGradient({ hue, saturation, lightness }: Colour, quality: string): string {
  // The better the quality, the rounder the light.
  const contrast = quality === 'low' ? 3 : quality === 'medium' ? 9 : 14;
  const stop = (offset: number, brighter: number) =>
    `<stop offset="${offset}" stop-color="${hsl(hue, saturation, lightness + brighter)}"/>`;
  return (
    '<linearGradient id="body" x1="0" y1="0" x2="1" y2="0.15">' +
    stop(0, -contrast * 0.3) +
    stop(0.3, contrast * 0.7) +
    stop(0.72, -contrast * 0.2) +
    stop(1, -contrast * 1.1) +
    '</linearGradient>'
  );
}

function hsl(hue: number, saturation: number, lightness: number): string {
  const turned = ((Math.round(hue) % 360) + 360) % 360;
  return `hsl(${turned},${saturation}%,${Math.min(97, Math.max(6, Math.round(lightness)))}%)`;
}

function wallGradients({ tinted }: SceneRequest, hue: number, lightX: number): string {
  const tint = tinted ? 26 : 0;
  const wall = (lightness: number) => hsl(hue, tint, lightness);
  const [high, low, floor, front] = tinted ? [90, 83, 78, 86] : [100, 97, 94, 98];
  return (
    `<linearGradient id="wall" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${wall(high)}"/>` +
    `<stop offset="1" stop-color="${wall(low)}"/></linearGradient>` +
    `<linearGradient id="floor" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${wall(floor)}"/>` +
    `<stop offset="1" stop-color="${wall(front)}"/></linearGradient>` +
    `<radialGradient id="light" cx="${lightX}" cy="0.28" r="0.62"><stop offset="0" stop-color="#fff" stop-opacity=".75"/>` +
    '<stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient>'
  );
}

function backdrop({ shape }: SceneRequest, floorY: number): string {
  if (shape.transparent) return '';
  const { width, height } = shape;
  const horizon = floorY - height * 0.07;
  return (
    `<rect width="${width}" height="${horizon + 1}" fill="url(#wall)"/>` +
    `<rect width="${width}" height="${horizon}" fill="url(#light)"/>` +
    `<rect y="${horizon}" width="${width}" height="${height - horizon}" fill="url(#floor)"/>`
  );
}

interface Place {
  readonly colour: Colour;
  readonly unit: number;
  readonly centreX: number;
  readonly floorY: number;
  readonly scale: number;
  readonly mirrored: boolean;
}

function product({ prompt, digest }: SceneRequest, place: Place): string {
  const { colour, centreX, floorY, scale, mirrored } = place;
  const { hue, saturation, lightness } = colour;
  const tints = {
    dark: hsl(hue, saturation, lightness > 40 ? lightness * 0.66 : lightness * 0.7),
    light: hsl(hue + 30, saturation * 0.6, 92),
    accent: hsl(hue + 165, 42, 46),
  };
  const side = mirrored ? -1 : 1;
  const x = centreX - side * (BODY_BOX / 2) * scale;
  const y = floorY - BODY_BOX * scale;
  return (
    `<g transform="translate(${x} ${y}) scale(${side * scale} ${scale})">` +
    `${shapeOf(prompt, digest[3] ?? 0)(tints)}</g>`
  );
}

/** The prompt, on a card that keeps it readable on any ground. */
function card({ shape, prompt, hasFonts }: SceneRequest, unit: number): string {
  const width = Math.min(shape.width - 96 * unit, 1000 * unit);
  const sizePx = 29 * unit;
  const lines = wrap(prompt, Math.floor((width - 64 * unit) / (sizePx * (hasFonts ? 0.56 : 0.6))), 3);
  const height = lines.length * 40 * unit + 36 * unit;
  const left = (shape.width - width) / 2;
  const top = shape.height - height - 44 * unit;
  const text = lines.map((line, row) =>
    drawLine(
      {
        text: line,
        x: shape.width / 2,
        y: top + (48 + row * 40) * unit,
        sizePx,
        fill: INK,
        anchor: 'middle',
      },
      hasFonts,
    ),
  );
  return (
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="${20 * unit}" fill="#fff" fill-opacity=".86" ${EDGE}/>` +
    text.join('')
  );
}

function marks({ shape, index, quality, hasFonts }: SceneRequest, unit: number): string {
  const pill = (x: number, width: number, fill: string) =>
    `<rect x="${x}" y="${44 * unit}" width="${width}" height="${58 * unit}" rx="${29 * unit}" fill="${fill}" ${EDGE}/>`;
  const label = (text: string, x: number, fill: string) =>
    drawLine({ text, x, y: 82 * unit, sizePx: 26 * unit, fill, anchor: 'middle', bold: true }, hasFonts);
  const markWidth = 238 * unit;
  const variant = `${quality} - variant ${index + 1}`;
  const variantWidth = (variant.length * 16 + 56) * unit;
  return (
    pill(48 * unit, markWidth, '#c2352b') +
    label('SIMULATED', 48 * unit + markWidth / 2, '#fff') +
    pill(shape.width - 48 * unit - variantWidth, variantWidth, '#ffffffdb') +
    label(variant, shape.width - 48 * unit - variantWidth / 2, INK)
  );
}
