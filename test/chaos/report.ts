import { readFile, writeFile } from 'node:fs/promises';
import { MUTATIONS } from './mutations.ts';
import type { Summary } from './summary.ts';

const BEGIN = '<!-- written by npm run chaos -- --report; do not edit by hand -->';
const END = '<!-- end of what is written -->';

/** Writes what was recorded (`--record FILE`) into the page, between its two marks. */
export async function writeReport(recordFile: string, pageFile: string): Promise<void> {
  const lines = (await readFile(recordFile, 'utf8')).split('\n').filter((line) => line !== '');
  // Written by `--record`.
  const summaries = lines.map((line) => JSON.parse(line) as Summary);
  const page = await readFile(pageFile, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${pageFile} lacks the two marks of the report`);
  const text = [
    BEGIN,
    '',
    ...results(summaries),
    '',
    ...faults(summaries),
    '',
    ...ends(summaries),
    '',
    ...mutations(),
    '',
    '',
  ];
  await writeFile(pageFile, page.slice(0, begin) + text.join('\n') + page.slice(end));
}

function results(summaries: readonly Summary[]): string[] {
  return table(
    [
      'what',
      'seed',
      'runs',
      'faults',
      'requests',
      'images',
      'paid twice',
      'lost',
      'cap breaches',
      'ledger − book',
      'back at rest after: median, longest',
      'took',
    ],
    summaries.map((one) => [
      one.kind === 'nemesis'
        ? 'nemesis'
        : one.points === 0
          ? 'ordered pairs of points'
          : `${one.points} points and pairs of them`,
      `\`${one.seed}\``,
      one.planned === undefined || one.planned === one.runs
        ? number(one.runs)
        : `${number(one.runs)} of ${number(one.planned)}`,
      number(total(one.faults)),
      number(one.requests),
      number(one.images),
      number(one.paidTwice),
      number(one.lost),
      number(one.capBreaches),
      `$${(one.ledgerDifferenceMicroUsd / 1_000_000).toFixed(6)}`,
      `${seconds(one.recoveryMs.median)}, ${seconds(one.recoveryMs.longest)}`,
      `${number(one.elapsedS)} s`,
    ]),
  );
}

function faults(summaries: readonly Summary[]): string[] {
  const kinds = [...new Set(summaries.flatMap((one) => Object.keys(one.faults)))].sort();
  const of = (kind: Summary['kind'], fault: string) =>
    summaries.filter((one) => one.kind === kind).reduce((sum, one) => sum + (one.faults[fault] ?? 0), 0);
  return table(
    ['fault', 'at points', 'by the nemesis'],
    kinds.map((kind) => [`\`${kind}\``, number(of('points', kind)), number(of('nemesis', kind))]),
  );
}

function ends(summaries: readonly Summary[]): string[] {
  const names = [...new Set(summaries.flatMap((one) => Object.keys(one.ends)))].sort();
  const of = (kind: Summary['kind'], name: string) =>
    summaries.filter((one) => one.kind === kind).reduce((sum, one) => sum + (one.ends[name] ?? 0), 0);
  return table(
    ['requests ended', 'at points', 'under the nemesis'],
    names.map((name) => [`\`${name}\``, number(of('points', name)), number(of('nemesis', name))]),
  );
}

function mutations(): string[] {
  return table(
    ['mutation', 'what is broken on purpose'],
    Object.entries(MUTATIONS).map(([name, what]) => [`\`${name}\``, what]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)];
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
