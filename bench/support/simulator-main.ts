/** The fal simulator in a process of its own, so that it shares no event loop with what is measured. Forked. */
import { startFalSimulator } from '../../src/local/fal/simulator.ts';
import { type SimulatorSays, simulatorOptions } from './simulator.ts';

const { slots, latencyMs, spread } = simulatorOptions.parse(JSON.parse(process.argv[2] ?? 'null'));

const fal = await startFalSimulator({
  slots,
  latencyMs: (_input, random) => latencyMs * (1 - spread + 2 * spread * random()),
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
