import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface ListRow {
  readonly id: string;
  readonly prompt: string;
  readonly category: string;
  readonly price: string;
}

const MATERIALS = [
  'brushed steel',
  'stoneware',
  'walnut',
  'linen',
  'recycled glass',
  'full-grain leather',
  'cork',
];
const THINGS = [
  'mug',
  'desk lamp',
  'backpack',
  'serving board',
  'cushion',
  'carafe',
  'wall clock',
  'notebook',
  'stool',
];
const SCENES = [
  'on pale oak',
  'on a linen cloth',
  'against a seamless grey wall',
  'on wet slate',
  'by a window',
];

/** The row of that number, from 0: a prompt of about 200 bytes and two columns to carry through. */
export function listRow(number: number): ListRow {
  const pick = (words: readonly string[], by: number) => words[Math.floor(number / by) % words.length] ?? '';
  const thing = pick(THINGS, 1);
  return {
    id: `SKU-${String(number).padStart(7, '0')}`,
    prompt: `Studio photograph of a ${pick(MATERIALS, 9)} ${thing}, catalog number ${number}, ${pick(SCENES, 63)}, soft light from the left, long shadow, sharp focus on the front edge, no text, no people, colours true to life`,
    category: thing,
    price: `${(number % 90) + 9}.90`,
  };
}

/** Writes a CSV of so many rows, as a shop would export it. */
export async function writeList(path: string, rows: number): Promise<void> {
  await pipeline(Readable.from(csvLines(rows)), createWriteStream(path));
}

function* csvLines(rows: number): Generator<string> {
  yield 'id,prompt,category,price\n';
  for (let number = 0; number < rows; number += 1) {
    const { id, prompt, category, price } = listRow(number);
    yield `${id},"${prompt}",${category},${price}\n`;
  }
}
