import type { Logger } from '../shared/log.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { systemClock } from '../shared/time.ts';
import { createHouse, type House } from '../worker/house.ts';
import type { Shop } from './shop.ts';

/** For a command that takes steps of single requests, as a worker does. */
export function openHouse(
  { records, batches, endpointStops, journal, queues, ended, held }: Shop,
  { clean, log }: { readonly clean: (text: string) => string; readonly log: Logger },
): House {
  return createHouse({
    records,
    batches,
    endpointStops,
    journal,
    registry: defaultRegistry(),
    add: queues.add.bind(queues),
    pauseSubmits: () => queues.pauseGenerate(),
    ended,
    held,
    // Workers see to it.
    turnedAway: () => undefined,
    clock: systemClock,
    clean,
    log,
  });
}
