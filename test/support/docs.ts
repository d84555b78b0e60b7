import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The project's folder. */
export const ROOT = join(import.meta.dirname, '../..');

export function readPage(path: string): Promise<string> {
  return readFile(join(ROOT, path), 'utf8');
}

/**
 * The rows of the table whose first header cell is `first`, without backticks. Throws where the page has none, or two,
 * such tables, so that a renamed table is never compared with nothing.
 */
export function tableOf(page: string, first: string): string[][] {
  const lines = page.split('\n');
  const heads = lines.flatMap((line, at) =>
    line.startsWith(`| ${first} |`) && lines[at + 1]?.startsWith('|-') ? [at] : [],
  );
  const [head] = heads;
  if (head === undefined || heads.length > 1) {
    throw new Error(`The page has ${heads.length} tables that begin with "${first}"; it must have one.`);
  }
  const end = lines.findIndex((line, at) => at > head && !line.startsWith('|'));
  return lines.slice(head + 2, end === -1 ? undefined : end).map(cellsOf);
}

/** The blocks of code in that language. */
export function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block]) => block ?? '',
  );
}

/** The one JSON block under the heading of that text. Throws where the page has no such heading, or not one block under it. */
export function jsonUnder(page: string, heading: string): unknown {
  const [, ...sections] = page.split(/^## /m);
  const section = sections.find((one) => one.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`The page has no heading "${heading}".`);
  const [block, ...more] = blocksOf(section, 'json');
  if (block === undefined || more.length > 0)
    throw new Error(`Under "${heading}" the page must have one block of JSON.`);
  return JSON.parse(block);
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|'));
}
