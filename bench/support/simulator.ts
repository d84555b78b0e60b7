import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import { livingEnvironment } from './program.ts';

export const simulatorOptions = z.object({
  slots: z.int().min(1),
  /** The median. */
  latencyMs: z.number().positive(),
  /** `even`: between 80 and 120 % of the median. `fal`: long-tailed, as FAL.md has it (p50 18 s, p95 46 s, at most 120 s). */
  shape: z.enum(['even', 'fal']),
});
export type SimulatorOptions = z.infer<typeof simulatorOptions>;

const fal = z.object({
  queueUrl: z.string(),
  apiUrl: z.string(),
  mediaHosts: z.array(z.string()),
  key: z.string(),
});

const simulatorSays = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), fal }),
  z.object({ kind: z.literal('stats'), busy: z.number(), calls: z.record(z.string(), z.int()) }),
]);
export type SimulatorSays = z.infer<typeof simulatorSays>;

export interface SimulatorProcess extends AsyncDisposable {
  /** For the program under measurement. */
  readonly settings: Readonly<Record<string, string>>;
  readonly fal: z.infer<typeof fal>;
  /** As the simulator itself saw it: `busy` is the share of the slots' time between the first start and the last end. */
  stats(): Promise<{ readonly busy: number; readonly calls: Readonly<Record<string, number>> }>;
}

/** Starts a simulator in a child process; disposing ends it. */
export async function startSimulatorProcess(options: SimulatorOptions): Promise<SimulatorProcess> {
  const child = fork(join(import.meta.dirname, 'simulator-main.ts'), [JSON.stringify(options)], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: livingEnvironment(),
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const heard = async (): Promise<SimulatorSays> => {
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the simulator ended with ${code}`);
      }),
    ]);
    return simulatorSays.parse(message);
  };
  const ready = await heard();
  if (ready.kind !== 'ready') throw new Error('the simulator spoke out of turn');
  const { queueUrl, apiUrl, mediaHosts, key } = ready.fal;
  return {
    fal: ready.fal,
    settings: {
      FAL_KEY: key,
      FAL_QUEUE_URL: queueUrl,
      FAL_API_URL: apiUrl,
      FAL_MEDIA_HOSTS: mediaHosts.join(','),
    },
    async stats() {
      const answer = heard();
      child.send('stats');
      const said = await answer;
      if (said.kind !== 'stats') throw new Error('the simulator spoke out of turn');
      return said;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}
