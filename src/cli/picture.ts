import type { Attendance } from '../shared/attendance.ts';
import { forecastOf } from '../shared/forecast.ts';
import {
  heldBackBy,
  type Surroundings,
  stillStruckOff,
  waitedFor,
  waitsForPictures,
} from '../shared/hold-back.ts';
import type { Queues } from '../shared/queues.ts';
import { readStatus, type StatusDeps } from '../shared/read-status.ts';
import { readStops } from '../shared/records/endpoint-stops.ts';
import type { MissingPictures } from '../shared/records/missing-pictures.ts';
import { statusOf } from '../shared/status.ts';
import { systemClock } from '../shared/time.ts';
import type { Waits } from '../shared/waits.ts';
import type { Picture } from './progress.ts';

export interface PictureDeps extends StatusDeps {
  readonly queues: Pick<Queues, 'load'>;
  readonly attendance: Pick<Attendance, 'present'>;
  readonly missing: Pick<MissingPictures, 'ofBatch'>;
  readonly waits: Pick<Waits, 'read'>;
}

/** So often, at most, somebody who watches asks for more than the batch itself. */
const SURROUNDINGS_MS = 1_000;

/** Reads a batch with its forecast and what holds it back; undefined where there is no such batch. To be called again and again. */
export function createLook(deps: PictureDeps): (batch: string) => Promise<Picture | undefined> {
  let surroundings: Surroundings | undefined;
  let readAtMs = 0;

  async function around(): Promise<Surroundings> {
    const now = performance.now();
    if (surroundings === undefined || now - readAtMs >= SURROUNDINGS_MS) {
      const [load, workers] = await Promise.all([deps.queues.load(), deps.attendance.present()]);
      surroundings = { ...load, workers };
      readAtMs = now;
    }
    return surroundings;
  }

  return async (batch) => {
    const view = await deps.batches.read(batch);
    if (view === undefined) {
      const status = await readStatus(deps, batch);
      return status === undefined
        ? undefined
        : { status, forecast: undefined, heldBack: undefined, toStrikeOff: 0 };
    }
    const now = systemClock();
    const waits = view.doneAtMs === undefined ? await deps.waits.read(batch) : [];
    const status = statusOf(view, await readStops(deps), now, waits);
    // The status counts them as cancelled from the word on; the batch ends when their records say so, too.
    const toStrikeOff = view.word === 'cancelled' ? view.counts.planned + view.counts.held : 0;
    const surrounding = await around();
    const reasons = [
      heldBackBy(status, surrounding) ??
        stillStruckOff(toStrikeOff, surrounding.workers) ??
        waitedFor(status),
      waitsForPictures(await deps.missing.ofBatch(batch)),
    ].filter((reason) => reason !== undefined);
    const heldBack = reasons.length === 0 ? undefined : reasons.join('; ');
    return { status, forecast: forecastOf(view, now), heldBack, toStrikeOff };
  };
}
