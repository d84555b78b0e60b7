import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { createVoice } from '../shared/base/voice.ts';
import type { Batches } from '../shared/requests/batches.ts';
import { REDIS_LOST, type RedisMemory } from '../shared/requests/redis-continuity.ts';
import type { House } from '../shared/requests/steps.ts';

export interface WitnessDeps {
  readonly memory: RedisMemory;
  readonly house: Pick<House, 'stop'>;
  readonly batches: Pick<Batches, 'unstopLost'>;
  readonly resumeSubmits: () => Promise<void>;
  /** The limits of the queues were lost with the rest. */
  readonly limitSubmits: () => Promise<void>;
  /** Gives jobs to the requests that have none. */
  readonly sweep: () => Promise<unknown>;
  readonly log: Logger;
  /** For tests, which cannot wait. */
  readonly everyMs?: number;
}

const LOOK_MS = 2_000;
const MARK_MS = 60_000;
const STOP_MS = 200;

/**
 * Looks whether Redis forgot something, also while nothing is submitted: stops all submits then, and goes on by itself
 * once Redis was rebuilt. Each submit is checked besides, in the script that allows it.
 */
export function startWitness(deps: WitnessDeps): { stop(): Promise<void> } {
  const { memory, house, batches, log, everyMs = LOOK_MS } = deps;
  let current: Promise<unknown> = Promise.resolve();
  const voice = createVoice({ log, clock: () => performance.now() });
  let told = false;
  let life = memory.life();
  let markedAtMs = performance.now();

  async function look(): Promise<void> {
    const seen = await memory.look();
    if (seen === 'lost' && !told) {
      told = true;
      await house.stop(REDIS_LOST);
    }
    // A step that was refused may have found out first.
    if (memory.life() !== life) {
      life = memory.life();
      told = false;
      log.warn({}, 'Redis was rebuilt; going on with it');
      await deps.limitSubmits();
      // Said by a worker that had not yet seen the rebuild.
      if (await batches.unstopLost()) {
        await deps.resumeSubmits();
        await deps.sweep();
      }
    }
    if (performance.now() - markedAtMs < MARK_MS) return;
    markedAtMs = performance.now();
    await memory.mark();
  }

  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    current = look()
      .catch((error: unknown) =>
        voice.say('warn', messageOf(error), { error: messageOf(error) }, 'the look at Redis broke off'),
      )
      .finally(() => {
        busy = false;
      });
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      const marked = current
        .then(() => memory.mark())
        .catch((error: unknown) => {
          log.warn({ error: messageOf(error) }, 'how far Redis has come was not written down');
        });
      // With Redis away neither ends; the mark of the last minute stands.
      let late: NodeJS.Timeout | undefined;
      await Promise.race([
        marked,
        new Promise<void>((resolve) => {
          late = setTimeout(resolve, STOP_MS);
        }),
      ]);
      clearTimeout(late);
    },
  };
}
