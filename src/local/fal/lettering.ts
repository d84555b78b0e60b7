import sharp from 'sharp';

/** Words in an SVG, on machines with fonts and on those without any (a slim container has none). */
export interface Line {
  readonly text: string;
  readonly x: number;
  /** Of the base line. */
  readonly y: number;
  readonly sizePx: number;
  readonly fill: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly bold?: boolean;
}

export function drawLine(line: Line, hasFonts: boolean): string {
  return hasFonts ? textElement(line) : pixelPath(line);
}

/** At most `maxLines` lines of about `columns` characters; what does not fit ends in an ellipsis. */
export function wrap(text: string, columns: number, maxLines: number): string[] {
  const words = clean(text)
    .split(' ')
    .flatMap((word) => split(word, columns));
  const lines: string[] = [];
  let rest = 0;
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else if (lines.length < maxLines) lines.push(word);
    else break;
    rest += 1;
  }
  const last = lines.at(-1);
  if (rest < words.length && last !== undefined) {
    lines[lines.length - 1] = `${last.slice(0, columns - 1).trimEnd()}…`;
  }
  return lines;
}

/** Whether this machine can draw text: without fonts an `i` is as wide as a `W`, or both are nothing. */
export async function detectFonts(): Promise<boolean> {
  const [narrow, wide] = await Promise.all(['i', 'W'].map(inkColumns));
  return narrow !== undefined && wide !== undefined && narrow > 0 && wide > narrow * 1.5;
}

async function inkColumns(letter: string): Promise<number> {
  const side = 40;
  const element = textElement({ text: letter, x: 4, y: 32, sizePx: 28, fill: '#000' });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}">${element}</svg>`;
  const { data } = await sharp(Buffer.from(svg))
    .extractChannel('alpha')
    .raw()
    .toBuffer({ resolveWithObject: true });
  let columns = 0;
  for (let x = 0; x < side; x += 1) {
    for (let y = 0; y < side; y += 1) {
      if ((data[y * side + x] ?? 0) < 96) continue;
      columns += 1;
      break;
    }
  }
  return columns;
}

/** No control characters and no lone surrogates: neither may stand in XML. White space becomes one space. */
function clean(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('utf8')
    .replace(/[\p{Cc}\p{Cn}\p{Cs}\p{White_Space}\ufffe\uffff]+/gu, ' ')
    .trim();
}

function split(word: string, columns: number): string[] {
  const characters = [...word];
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += columns)
    parts.push(characters.slice(at, at + columns).join(''));
  return parts;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function textElement({ text, x, y, sizePx, fill, anchor = 'start', bold = false }: Line): string {
  const family = 'Inter, Helvetica Neue, DejaVu Sans, Liberation Sans, Arial, sans-serif';
  const weight = bold ? ' font-weight="700"' : '';
  return (
    `<text x="${x}" y="${y}" font-family="${family}" font-size="${sizePx}"${weight} text-anchor="${anchor}" ` +
    `fill="${fill}">${escapeXml(clean(text))}</text>`
  );
}

const ADVANCE = 6;

function pixelPath({ text, x, y, sizePx, fill, anchor = 'start' }: Line): string {
  const dot = sizePx / 10;
  const characters = [...clean(text).normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('…', '...')];
  const width = characters.length * ADVANCE * dot;
  const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
  const top = y - 7 * dot;
  let path = '';
  for (const [place, character] of characters.entries()) {
    for (const [column, bits] of glyphOf(character).entries()) {
      for (let row = 0; row < 8; row += 1) {
        if (((bits >> row) & 1) === 0) continue;
        const dotX = left + (place * ADVANCE + column) * dot;
        path += `M${dotX.toFixed(1)} ${(top + row * dot).toFixed(1)}h${dot}v${dot}h-${dot}z`;
      }
    }
  }
  return `<path d="${path}" fill="${fill}"/>`;
}

function glyphOf(character: string): number[] {
  const at = character.charCodeAt(0) - 32;
  const hex = at >= 0 && at < GLYPHS.length / 10 ? GLYPHS.slice(at * 10, at * 10 + 10) : '7f4141417f';
  return [0, 2, 4, 6, 8].map((digit) => Number.parseInt(hex.slice(digit, digit + 2), 16));
}

/** The classic 5 by 7 dots of ASCII 32 to 126: five columns a letter, lowest bit at the top. */
const GLYPHS =
  '000000000000005f00000007000700147f147f14242a7f2a12231308646236495620500005030000001c2241000041221c00' +
  '2a1c7f1c2a08083e080800503000000808080808006060000020100804023e5149453e00427f400072494949462141494d33' +
  '1814127f1027454545393c4a49493141211109073649494936464949291e0000140000004034000000081422411414141414' +
  '004122140802015909063e415d594e7c1211127c7f494949363e414141227f4141413e7f494949417f090909013e41415173' +
  '7f0808087f00417f41002040413f017f081422417f404040407f021c027f7f0408107f3e4141413e7f090909063e4151215e' +
  '7f09192946264949493203017f01033f4040403f1f2040201f3f4038403f631408146303047804036159494d43007f414141' +
  '0204081020004141417f04020102044040404040000307080020545478407f284444383844444428384444287f3854545418' +
  '00087e090218a4a49c787f0804047800447d40002040403d007f1028440000417f40007c047804787c080404783844444438' +
  'fc1824241818242418fc7c08040408485454542404043f44243c4040207c1c2040201c3c4030403c44281028444c9090907c' +
  '4464544c440008364100000077000000413608000201020402';
