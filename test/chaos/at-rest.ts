import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isUnfinished } from '../../src/shared/journal/traces.ts';
import { type BatchStatus, batchStatus } from '../../src/shared/status/status.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { askInVain, decideByDashboard, undecidedOf } from './dashboard.ts';
import type { Stage } from './stage.ts';

const REST_LIMIT_MS = 60_000;
/** How often a user looks for what fal's list does not decide. */
const LOOK_EVERY_MS = 1_000;

/** Whether nothing more happens to these batches by itself. */
export async function isAtRest(stage: Stage, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) {
    const view = await stage.batches.read(id);
    if (view === undefined) {
      if ((await endedBefore(stage, id)) === undefined) return false;
      continue;
    }
    if (!view.complete) return false;
    if (view.doneAtMs !== undefined) {
      if (view.summarized) continue;
      return false;
    }
    const { counts, word } = view;
    const open = counts.submitting + counts.submitted + counts.generated + counts.rendering + counts.unknown;
    // What a cap holds rests until a person gives it room.
    if (open > 0 || (counts.planned > 0 && word !== 'held')) return false;
  }
  return true;
}

export async function untilAtRest(
  stage: Stage,
  ids: readonly string[],
  limitMs = REST_LIMIT_MS,
): Promise<boolean> {
  const untilMs = performance.now() + limitMs;
  let nextLookMs = performance.now() + LOOK_EVERY_MS;
  while (performance.now() < untilMs) {
    if (await isAtRest(stage, ids)) return true;
    if (performance.now() >= nextLookMs) {
      const undecided = await undecidedOf(stage, ids);
      if (undecided.length > 0) {
        await askInVain(stage);
        await decideByDashboard(stage, undecided);
      }
      nextLookMs = performance.now() + LOOK_EVERY_MS;
    }
    await delay(25);
  }
  return false;
}

/** The last word of the store on a batch that had ended when Redis lost it: a rebuild does not bring such a one back. */
export async function endedBefore({ store, journal }: Stage, id: string): Promise<BatchStatus | undefined> {
  const summary = await journal.readSummary(id);
  if (summary === undefined || (await isUnfinished(store, objectKeys.batchFolder(id)))) return undefined;
  return batchStatus.parse(summary);
}

/** And what Redis holds. */
export async function printLogs({ folder, redis, prefix }: Stage): Promise<void> {
  for (const key of (await redis.keys(`${prefix}:*`)).sort()) {
    const type = await redis.type(key);
    const value =
      type === 'hash'
        ? await redis.hgetall(key)
        : type === 'zset'
          ? await redis.zrange(key, '0', '-1', 'WITHSCORES')
          : type === 'set'
            ? await redis.smembers(key)
            : type === 'list'
              ? await redis.lrange(key, 0, -1)
              : type;
    console.error(key.slice(prefix.length), JSON.stringify(value));
  }
  for (const name of await readdir(folder)) {
    if (name.endsWith('.log')) console.error(name, await readFile(join(folder, name), 'utf8'));
  }
}
