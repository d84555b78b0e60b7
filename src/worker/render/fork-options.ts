import type { ForkOptions } from 'node:child_process';
import type { Environment } from '../../shared/base/config.ts';

/** BullMQ's `workerForkOptions` for the render children, which get this environment and nothing else. */
export function renderForkOptions(environment: Environment): ForkOptions {
  return {
    env: {
      ...environment,
      // glibc gives each thread an arena of its own and returns little of it: two take 20 % off the peak.
      MALLOC_ARENA_MAX: '2',
    },
    // Everything that a child prints goes to stderr: stdout belongs to a command's result (`--json`). By default
    // BullMQ pipes the child's stdout there, and leaves listeners on it with each child.
    stdio: ['ignore', 2, 2, 'ipc'],
  };
}
