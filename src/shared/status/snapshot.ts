import { systemClock } from '../base/time.ts';
import type { Queues } from '../queues/queues.ts';
import type { Attendance } from '../redis/presence.ts';
import type { Waits } from '../redis/waits.ts';
import { readStops } from '../requests/endpoint-stops.ts';
import type { MissingPictures } from '../requests/missing-pictures.ts';
import { heldBackBy, type Surroundings, stillStruckOff, waitedFor, waitsForPictures } from './bottleneck.ts';
import { type Forecast, forecastOf } from './forecast.ts';
import { readStatus, type StatusDeps } from './read-status.ts';
import { type BatchStatus, statusOf } from './status.ts';

/** A batch at one moment, for somebody who watches it. */
export interface Snapshot {
  readonly status: BatchStatus;
  /** undefined once Redis has forgotten the batch. */
  readonly forecast: Forecast | undefined;
  /** What holds it back: one clause. */
  readonly heldBack: string | undefined;
  /** Of a cancelled batch: requests that were dropped, and whose records do not say so yet. */
  readonly toStrikeOff: number;
}

export interface SnapshotDeps extends StatusDeps {
  readonly queues: Pick<Queues, 'load'>;
  readonly attendance: Pick<Attendance, 'present'>;
  readonly missing: Pick<MissingPictures, 'ofBatch'>;
  readonly waits: Pick<Waits, 'read'>;
}

/** So often, at most, somebody who watches asks for more than the batch itself. */
const SURROUNDINGS_MS = 1_000;

/** Reads a batch with its forecast and what holds it back; undefined where there is no such batch. To be called again and again. */
export function createLook(deps: SnapshotDeps): (batch: string) => Promise<Snapshot | undefined> {
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
