/** The fal simulator in a process of its own, so that it shares no event loop with what is measured. Forked. */
import { randomOf } from '../../src/local/fal/random.ts';
import { startFalSimulator } from '../../src/local/fal/simulator.ts';
import { type SimulatorOptions, type SimulatorSays, simulatorOptions } from './simulator.ts';

/** How far a run is from the median; `random` gives numbers from 0 to 1. */
const SHAPES = {
  even: (random) => 0.8 + 0.4 * random(),
  // Log-normal: ln(46 / 18) is 1.645 standard deviations.
  fal: (random) => Math.min(120 / 18, (46 / 18) ** (normal(random) / 1.645)),
} as const satisfies Record<SimulatorOptions['shape'], (random: () => number) => number>;

const { slots, latencyMs, shape } = simulatorOptions.parse(JSON.parse(process.argv[2] ?? 'null'));

const fal = await startFalSimulator({
  slots,
  // A few long runs decide much: the same prompt takes the same time in each run of the bench, whoever sends it.
  latencyMs: (input, random) =>
    latencyMs * SHAPES[shape](shape === 'fal' ? randomOf(String(input['prompt'])) : random),
  pictures: 'plain',
});
const { queueUrl, apiUrl, mediaHosts, key, stats } = fal;

process.on('message', () => {
  const calls = Object.fromEntries(
    (['submit', 'status', 'result', 'media', 'list', 'pricing', 'billing', 'models'] as const).map((kind) => [
      kind,
      stats.calls(kind),
    ]),
  );
  say({ kind: 'stats', busy: stats.busy(), calls });
});
process.once('disconnect', () => {
  void fal[Symbol.asyncDispose]();
});
say({ kind: 'ready', fal: { queueUrl, apiUrl, mediaHosts: [...mediaHosts], key } });

function say(message: SimulatorSays): void {
  process.send?.(message);
}

/** Box and Muller's. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
