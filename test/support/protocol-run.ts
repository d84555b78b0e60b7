import { parseArgs } from 'node:util';
import { MUTATIONS, type Mutation } from './protocol/mutations.ts';
import { explore } from './protocol-model.ts';

/** One process of `npm run protocol`: plays schedules of one seed, and says how many broke nothing. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    mutation: { type: 'string' },
  },
});
const seed = Number(values.seed);
const first = Number(values.first);
const runs = values.runs === undefined ? Number.POSITIVE_INFINITY : Number(values.runs);
const until = performance.now() + 60_000 * Number(values.minutes ?? Number.POSITIVE_INFINITY);
const isMutation = (name: string): name is Mutation => name in MUTATIONS;

/** Between two looks at the clock. */
const AT_ONCE = 10_000;
const SAY_MS = 60_000;

process.exitCode = main();

function main(): number {
  const { mutation } = values;
  if (mutation !== undefined && !isMutation(mutation)) {
    process.stderr.write(`${mutation} is none of ${Object.keys(MUTATIONS).join(', ')}.\n`);
    return 1;
  }
  if (values.runs === undefined && values.minutes === undefined) {
    process.stderr.write('Say how many schedules with --runs, or how long with --minutes.\n');
    return 1;
  }
  const started = performance.now();
  let said = started;
  let played = 0;
  while (played < runs && performance.now() < until) {
    const more = Math.min(AT_ONCE, runs - played);
    const found = explore({ seed, first: first + played, runs: more, ...(mutation && { mutation }) });
    if (found !== undefined) {
      const { nth, report, scenario, choices } = found;
      process.stdout.write(`${report}\n\n${JSON.stringify({ scenario, choices })}\n`);
      process.stdout.write(
        `seed ${seed}: schedule ${nth} breaks a promise (${took(nth - first + 1, started)})\n`,
      );
      return mutation === undefined ? 1 : 0;
    }
    played += more;
    if (performance.now() - said < SAY_MS) continue;
    said = performance.now();
    process.stderr.write(`seed ${seed}: ${took(played, started)} so far\n`);
  }
  process.stdout.write(`seed ${seed}: from schedule ${first} on ${took(played, started)} broke no promise\n`);
  return mutation === undefined ? 0 : 1;
}

function took(schedules: number, started: number): string {
  const seconds = (performance.now() - started) / 1_000;
  return `${schedules.toLocaleString('en')} schedules in ${Math.round(seconds)} s`;
}
