import { type BenchResults, type Figure, limitText, withUnit } from './figures.ts';

const BEGIN = '<!-- figures: made by bench/report.ts -->';
const END = '<!-- /figures -->';

/** The page with its figures replaced by those of the results. Throws where the page lacks the two marks. */
export function withFigures(page: string, results: readonly BenchResults[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`bench/README.md lacks the marks ${BEGIN} and ${END}`);
  const parts = results.map(sectionOf);
  return [page.slice(0, begin), BEGIN, '\n\n', parts.join('\n\n'), '\n\n', page.slice(end)].join('');
}

function sectionOf({ bench, command, runs }: BenchResults): string {
  const last = runs.at(-1);
  if (last === undefined) return `### ${bench}\n\nNo run is saved.`;
  const loads = runs.map(({ loadBefore }) => loadBefore);
  const rows = last.figures.map((figure) => {
    const values = runs
      .flatMap((run) => run.figures.filter(({ name }) => name === figure.name))
      .map(({ value }) => value);
    return [figure.name, withUnit(median(values), figure.unit), range(values), limitText(figure)];
  });
  const head = ['figure', 'median', 'lowest to highest', 'limit'];
  return [
    `### \`${command}\``,
    '',
    `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, the last on ${last.date.slice(0, 10)} at commit ${last.commit}; ${last.cpus} cores, Node ${last.node.slice(1)}; load of the machine before each run: ${range(loads)}.`,
    '',
    ...[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...last.notes.map((note) => `- ${note}`),
  ].join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

function range(values: readonly Figure['value'][]): string {
  const text = (value: number) => withUnit(value, '');
  const lowest = text(Math.min(...values));
  const highest = text(Math.max(...values));
  return lowest === highest ? lowest : `${lowest} to ${highest}`;
}
