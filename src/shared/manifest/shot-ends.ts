import { pMapIterable } from 'p-map';
import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import type { PlannedRequest, PlanRow } from '../journal/plan-row.ts';
import { planRows } from '../journal/plan-rows.ts';
import { isMadeAgain } from '../journal/regeneration.ts';
import { retriedRounds } from '../requests/derive.ts';
import { requestKeyOf } from '../store/keys.ts';
import { madeAnew, withTakes } from '../takes/manifest-takes.ts';
import type { Takes } from '../takes/takes.ts';
import type { RequestEnd } from './manifest.ts';

export interface ShotEndsDeps {
  readonly journal: Pick<
    Journal,
    'readChunk' | 'readListedDelivery' | 'deliveredNames' | 'failures' | 'events'
  >;
  readonly takes: Pick<Takes, 'has' | 'recordsOf' | 'countingOf'>;
  /**
   * How a request stands of which the store says neither that it was delivered nor that it failed for good. `before`: the
   * failure that a person had tried again, which holds where nothing came of that.
   */
  readonly standing: (request: string, before?: RequestEnd) => Promise<RequestEnd>;
  /** Whether a later list has retired the shot. */
  readonly retired: (shot: string) => boolean;
  readonly signal: AbortSignal;
}

/** A row of the plan, and how each of its requests stands, in their order. */
export interface ShotEnds {
  readonly row: PlanRow;
  readonly ends: readonly RequestEnd[];
}

/** Shots whose deliveries are read at once. */
const SHOTS_AT_ONCE = 16;

/** How the shots of a batch stand, in the order of its list; a plan chunk at a time. `wanted`: default, all. */
export async function* shotEnds(
  head: Head,
  deps: ShotEndsDeps,
  wanted: (row: PlanRow) => boolean = () => true,
): AsyncGenerator<ShotEnds> {
  const { journal, takes, standing, retired, signal } = deps;
  const { batch } = head;
  const delivered = await journal.deliveredNames(batch, signal);
  const failures = await journal.failures(batch, signal);
  const retried = retriedRounds(failures.size === 0 ? [] : await journal.events(batch, signal));

  async function endOf(row: PlanRow, { part, indices }: PlannedRequest): Promise<RequestEnd> {
    const name = { batch, row: row.row, part };
    const member = `${name.row}.${name.part}`;
    const delivery = delivered.has(member) ? await journal.readListedDelivery(name, signal) : undefined;
    if (delivery !== undefined)
      return { status: 'delivered', images: await withTakes(row, delivery.images, takes) };
    const failure = failures.get(member);
    if (failure === undefined) return await standing(requestKeyOf(name));
    const failed = { status: 'failed' as const, code: failure.code, message: failure.message };
    if (isMadeAgain(head, failure.code)) {
      const images = await madeAnew(row, indices, takes);
      if (images !== undefined) return { status: 'delivered', images };
    }
    const isTriedAgain = (retried.get(member) ?? -1) >= failure.round;
    return isTriedAgain ? await standing(requestKeyOf(name), failed) : failed;
  }

  yield* pMapIterable(
    planRows(head, journal, signal, wanted),
    async (row) => ({
      row,
      ends: retired(row.shot)
        ? [{ status: 'retired' as const }]
        : await Promise.all(row.requests.map((request) => endOf(row, request))),
    }),
    { concurrency: SHOTS_AT_ONCE },
  );
}
