import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRedis } from '../../src/local/redis.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { runNemesis } from './nemesis.ts';
import { nameOf } from './plan-crashes.ts';
import { writeReport } from './report.ts';
import { runPoints } from './run-points.ts';
import type { Summary } from './summary.ts';

/** `npm run chaos`; scripts/chaos.mjs starts it. Exit code 1 where a promise was broken. */

const HELP = `npm run chaos -- --points [--seed TEXT] [--sample N|all] [--commands N|all] [--pairs N|all] [--jobs N] [--minutes M]
npm run chaos -- --seed TEXT --minutes M
npm run chaos -- --report FILE
--sample and --commands: of the points of workers and producers, and of a person's commands, so many runs; default: all.
With --points, no run begins after M minutes, and N are made side by side (6), each on a Redis, a simulator and a store of its own. The last line on stdout is the summary as JSON; --record FILE appends it there, and --report FILE writes what is recorded
into docs/guarantees.md. Exit code 1 where a promise was broken. CHAOS_LOGS=1 shows the processes' logs then.`;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.setMaxListeners(100);

const { values } = parseArgs({
  options: {
    points: { type: 'boolean' },
    seed: { type: 'string' },
    sample: { type: 'string' },
    commands: { type: 'string' },
    pairs: { type: 'string', default: '0' },
    jobs: { type: 'string', default: '6' },
    minutes: { type: 'string' },
    record: { type: 'string' },
    report: { type: 'string' },
    help: { type: 'boolean' },
  },
});

if (values.report !== undefined) {
  await writeReport(values.report, fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url)));
  process.exit(0);
}
if (values.help === true || (values.points !== true && values.minutes === undefined)) {
  console.error(HELP);
  process.exit(values.help === true ? 0 : 1);
}
const seed = values.seed ?? randomBytes(4).toString('hex');
console.error(`seed ${seed}`);
const summary = values.points === true ? await points() : await nemesis();
console.log(JSON.stringify(summary));
if (values.record !== undefined) {
  await mkdir(dirname(values.record), { recursive: true });
  await appendFile(values.record, `${JSON.stringify(summary)}\n`);
}
process.exit(summary.violations.length === 0 ? 0 : 1);

async function points(): Promise<Summary> {
  await using closers = new Closers();
  const lanes: string[] = [];
  for (let lane = 0; lane < Number(values.jobs); lane += 1) {
    const folder = await mkdtemp(join(tmpdir(), 'shotlist-chaos-redis-'));
    closers.defer(() => rm(folder, { recursive: true, force: true }));
    lanes.push(closers.use(await startRedis({ folder })).url);
  }
  const limitMs = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes) * 60_000;
  const beganMs = performance.now();
  return await runPoints({
    lanes,
    seed,
    points: countOf(values.sample),
    commands: countOf(values.commands),
    limitMs,
    pairs: countOf(values.pairs) ?? Number.POSITIVE_INFINITY,
    onRun: (done, of, crash, { violations, reached }) => {
      const elapsedMs = performance.now() - beganMs;
      const leftMs = Math.min((elapsedMs / done) * (of - done), Math.max(0, limitMs - elapsedMs));
      const word =
        violations.length > 0 ? 'BROKEN' : reached < crash.deaths.length ? 'ok (not reached)' : 'ok';
      console.error(`${done}/${of}, ${(leftMs / 60_000).toFixed(1)} min left: ${nameOf(crash)}: ${word}`);
      for (const violation of violations) console.error(`  ${violation}`);
    },
  });
}

/** undefined: all. */
function countOf(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  console.error(`${text} is neither a number of runs nor "all".`);
  process.exit(1);
}

async function nemesis(): Promise<Summary> {
  return await runNemesis({
    seed,
    durationMs: Number(values.minutes) * 60_000,
    say: (line) => console.error(line),
  });
}
