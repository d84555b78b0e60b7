import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openLocalStack } from '../local/stack.ts';
import { Closers } from '../shared/base/disposables.ts';
import { UserError } from '../shared/base/errors.ts';
import { Latencies } from '../shared/redis/latencies.ts';
import { openRedis } from '../shared/redis/redis.ts';
import { localFolder, type Stack } from './connections.ts';

/** How long a dry run waits for a Redis that it can do without. */
const PATIENCE_MS = 2_000;

export interface LearnedOptions {
  /** Where `.shotlist/` is. */
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Is told of what a user may want to know. */
  readonly note: (text: string) => void;
}

export interface LearnedLatency extends AsyncDisposable {
  readonly latencyOf: Latencies['of'];
}

/**
 * What workers learned of fal's latency, for a command that needs no Redis: from the one that is told, or the one that
 * an earlier run brought along. Where there is none, or it cannot be reached, nothing is known.
 */
export async function openLearned(
  { cwd, signal, note }: LearnedOptions,
  { redisUrl, prefix, simulated }: Pick<Stack, 'redisUrl' | 'prefix' | 'simulated'>,
): Promise<LearnedLatency> {
  const opened = new Closers();
  const close = () => opened[Symbol.asyncDispose]();
  const unknown: LearnedLatency = { latencyOf: async () => undefined, [Symbol.asyncDispose]: close };
  const folder = localFolder(cwd, simulated);
  try {
    const url =
      redisUrl ??
      (existsSync(join(folder, 'redis'))
        ? opened.use(await openLocalStack({ folder, simulate: false, signal })).redisUrl
        : undefined);
    if (url === undefined) return unknown;
    const redis = await openRedis(url, { timeoutMs: PATIENCE_MS });
    opened.defer(() => redis.disconnect());
    const latencies = new Latencies({ redis, prefix });
    return { latencyOf: (kind) => latencies.of(kind), [Symbol.asyncDispose]: close };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UserError)) {
      await close();
      throw error;
    }
    note('Redis cannot be reached, so nothing that was learned of the latency is used');
    return unknown;
  }
}
