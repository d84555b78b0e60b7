import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import { createVoice } from '../../shared/base/voice.ts';
import type { FalPlatform } from '../../shared/fal/history.ts';
import type { Work } from '../../shared/requests/steps.ts';

/** fal's price list being away is no reason to wait: undefined then, and the model's own rule is the next best source. */
export function createUnitPrice({
  platform,
  clock,
  log,
}: {
  readonly platform: Pick<FalPlatform, 'unitPriceUsd'>;
  readonly clock: Clock;
  readonly log: Logger;
}): (work: Work, signal: AbortSignal) => Promise<number | undefined> {
  const voice = createVoice({ log, clock });
  return async ({ model }, signal) => {
    try {
      return await platform.unitPriceUsd(model.endpoint, signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = String(error);
      voice.say('warn', why, { error: why }, "fal's price list cannot be read; the price rule counts");
      return undefined;
    }
  };
}
