import type { Shop } from '../operations/services.ts';
import type { Logger } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { createHouse, type House } from '../shared/requests/steps.ts';

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
