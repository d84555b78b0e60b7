import { count } from '../shared/base/text.ts';
import type { CaughtUp } from '../shared/requests/batches.ts';
import { catchUp } from '../shared/requests/requeue.ts';

import type { Shop } from './services.ts';

/** A command that has said its word stays this long for what follows from it, and leaves the rest to the workers. */
const PATIENCE_MS = 150;
/** So many steps are taken in any case, so that what is small is done with at once on a slow machine, too. */
const FIRST_STEPS = 8;

/** One patience for all batches of a command. Catches up with each, as far as the time goes. */
export function patientCatchUp(shop: Shop): (batch: string) => Promise<CaughtUp> {
  let untilMs: number | undefined;
  return async (batch) => {
    untilMs ??= performance.now() + PATIENCE_MS;
    const limitMs = untilMs;
    let steps = 0;
    const enough = () => {
      steps += 1;
      return steps >= FIRST_STEPS && performance.now() > limitMs;
    };
    return await catchUp(batch, shop, { enough });
  };
}

/** `waiting`: requests of the batch that may still have a job. */
export function behindSentence(waiting: number): string {
  return `${count(waiting, 'waiting job')} of it are cleared behind that by the workers.`;
}
