import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { z } from 'zod';
import { projectRoot } from '../../src/shared/base/project-root.ts';

/** In the order of the page. */
export const BENCHES = ['enqueue', 'size', 'sync', 'slots', 'long-runs', 'render', 'render-memory'] as const;
export type BenchName = (typeof BENCHES)[number];

const limit = z.object({ kind: z.enum(['below', 'at-most', 'at-least']), value: z.number() });

const figure = z.object({
  name: z.string(),
  value: z.number(),
  /** Printed behind the value; empty for a plain count or ratio. */
  unit: z.string(),
  limit: limit.optional(),
});
export type Figure = z.infer<typeof figure>;

const run = z.object({
  date: z.string(),
  commit: z.string(),
  node: z.string(),
  cpus: z.int(),
  /** Load of the machine in the minute before the start: above 0 others were at work, too. */
  loadBefore: z.number(),
  notes: z.array(z.string()),
  figures: z.array(figure),
});
export type BenchRun = z.infer<typeof run>;

const results = z.object({
  bench: z.string(),
  command: z.string(),
  /** Hash of the sources that were measured: runs of other sources are dropped. */
  build: z.string(),
  runs: z.array(run),
});
export type BenchResults = z.infer<typeof results>;

/** Runs of the same sources that a result file keeps. */
const KEPT_RUNS = 9;
/** Above this load for each core a run says more of the other work than of ours: it is not saved, whatever came out. */
const MAX_LOAD_PER_CORE = 4;

export interface Measured {
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

/**
 * Measures once, prints one JSON document on stdout and a table on stderr, sets exit code 1 where a limit is broken.
 * With `--save` among the arguments the run is added to `bench/results/`, whatever came out, unless the machine was
 * busy with other work.
 */
export async function bench(name: BenchName, measure: () => Promise<Measured>): Promise<void> {
  const loadBefore = loadavg()[0] ?? 0;
  const { figures, notes } = await measure();
  const one: BenchRun = {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.version,
    cpus: availableParallelism(),
    loadBefore: rounded(loadBefore),
    notes: [...notes],
    figures: figures.map((each) => ({ ...each, value: rounded(each.value) })),
  };
  console.log(JSON.stringify({ bench: name, ...one }));
  console.error(tableOf(one));
  const broken = one.figures.filter((each) => !holds(each));
  for (const each of broken)
    console.error(`limit broken: ${each.name} is ${show(each)}, ${limitText(each)} is wanted`);
  if (broken.length > 0) process.exitCode = 1;
  if (!process.argv.includes('--save')) return;
  if (loadBefore <= MAX_LOAD_PER_CORE * one.cpus) await save(name, one);
  else console.error(`not saved: the load before was above ${MAX_LOAD_PER_CORE} a core`);
}

export function holds({ value, limit: bound }: Figure): boolean {
  if (bound === undefined) return true;
  switch (bound.kind) {
    case 'below':
      return value < bound.value;
    case 'at-most':
      return value <= bound.value;
    case 'at-least':
      return value >= bound.value;
  }
}

export function limitText({ limit: bound, unit }: Figure): string {
  if (bound === undefined) return '';
  const word = { below: '<', 'at-most': '≤', 'at-least': '≥' }[bound.kind];
  return `${word} ${withUnit(bound.value, unit)}`;
}

export function withUnit(value: number, unit: string): string {
  const text = value.toLocaleString('en', { maximumFractionDigits: 2 });
  return unit === '' ? text : `${text} ${unit}`;
}

/** undefined where the bench was never saved. */
export async function readResults(name: BenchName): Promise<BenchResults | undefined> {
  let text: string;
  try {
    text = await readFile(resultFile(name), 'utf8');
  } catch {
    return undefined; // never saved
  }
  return results.parse(JSON.parse(text));
}

async function save(name: BenchName, one: BenchRun): Promise<void> {
  const build = await readFile(join(projectRoot(), 'dist/.built-from'), 'utf8');
  const before = await readResults(name);
  const runs = before?.build === build ? before.runs : [];
  const next: BenchResults = {
    bench: name,
    command: `npm run bench:${name}`,
    build,
    runs: [...runs, one].slice(-KEPT_RUNS),
  };
  await mkdir(join(projectRoot(), 'bench/results'), { recursive: true });
  await writeFile(resultFile(name), JSON.stringify(next, undefined, 2));
  // As the linter wants it, since it is committed.
  const biome = join(projectRoot(), 'node_modules/@biomejs/biome/bin/biome');
  execFileSync(process.execPath, [biome, 'format', '--write', resultFile(name)], {
    cwd: projectRoot(),
    stdio: 'ignore',
  });
}

function resultFile(name: BenchName): string {
  return join(projectRoot(), 'bench/results', `${name}.json`);
}

function tableOf({ figures, notes, loadBefore }: BenchRun): string {
  const table = new Table({ style: { head: [], border: [] }, head: ['figure', 'result', 'limit'] });
  for (const each of figures) table.push([each.name, show(each), limitText(each)]);
  return [table.toString(), `load before: ${loadBefore}`, ...notes].join('\n');
}

function show({ value, unit }: Figure): string {
  return withUnit(value, unit);
}

/** Three or more significant digits; the rest would be noise. */
function rounded(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4));
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    cwd: projectRoot(),
    encoding: 'utf8',
  }).trim();
}
