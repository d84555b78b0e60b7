import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../shared/base/errors.ts';
import { startRedis } from './redis.ts';
import { superviseStack } from './stack-supervisor.ts';

/**
 * The process behind `openLocalStack`: started detached by the first user of a folder, gone after the last. stdout and
 * stderr are the folder's `stack.log`.
 */

const FIRST_USER_MS = 15_000;

const { values } = parseArgs({
  options: { folder: { type: 'string' }, after: { type: 'string' } },
});
if (values.folder === undefined || values.after === undefined) {
  throw new Error('usage: stack-main --folder FOLDER --after NUMBER');
}
const folder = values.folder;

// Ctrl-C and a closed terminal are for the run, which then ends its lease; Redis must not end under it.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const log = (event: string) => console.error(`${new Date().toISOString()} ${process.pid} ${event}`);

try {
  await superviseStack(
    { folder, after: Number(values.after), firstUserMs: FIRST_USER_MS, signal: stop.signal },
    {
      startRedis: (again) => startRedis({ folder: join(folder, 'redis'), ...again }),
      startFal: async () => {
        // Loaded by a simulated run alone: a real one has no use for it.
        const { startFalSimulator } = await import('./fal/simulator.ts');
        return startFalSimulator({
          stateFolder: join(folder, 'fal'),
          latencyMs: (_, random) => 300 + 600 * random(),
        });
      },
      log,
    },
  );
  process.exit(0);
} catch (error) {
  log(messageOf(error));
  process.exit(1);
}
