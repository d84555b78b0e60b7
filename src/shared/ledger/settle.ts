import pMap from 'p-map';
import type { MicroUsd } from '../base/money.ts';
import { type Clock, dayOf } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { Records } from '../requests/records.ts';
import { parseJobId, requestKeyOf } from '../store/keys.ts';
import { type AdjustmentKey, type Corrections, NO_BATCH, NO_BATCH_SEGMENT } from './corrections.ts';
import type { Settlements } from './counters.ts';
import { latestOf } from './ledger.ts';

export interface SettleDeps {
  readonly journal: Pick<Journal, 'readResult'>;
  readonly corrections: Pick<Corrections, 'adjustments' | 'readAdjustment' | 'orphans'>;
  readonly settlements: Pick<Settlements, 'settle' | 'areSettled'>;
  readonly records: Pick<Records, 'read' | 'holderOf'>;
  readonly clock: Clock;
}

/** No cap asks for the counters of a month before the last one. */
const LOOK_BACK_MS = 62 * 86_400_000;
const CHUNK = 500;
const STEPS_AT_ONCE = 16;

/**
 * Brings the counters of batch, day and month to what the store's corrections and orphans of the last two months say.
 * Resolves to the batches whose money moved. Safe to repeat: what a run that broke off left undone is done by the
 * next, and so is what a Redis that was rebuilt from the ledger's own entries does not know.
 */
export async function settleCorrections(deps: SettleDeps, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const fromDay = dayOf(deps.clock() - LOOK_BACK_MS);
  const moved = new Set<string>();
  const ofOrphans = new Map<string, MicroUsd>();
  for await (const ofDay of adjustmentsByDay(deps, fromDay, signal)) {
    const last = [...latestOf(ofDay).values()];
    const own = last.filter(({ batchSegment }) => batchSegment !== NO_BATCH_SEGMENT);
    for (const one of last)
      if (one.batchSegment === NO_BATCH_SEGMENT) ofOrphans.set(one.idSegment, one.costMicroUsd);
    for (let at = 0; at < own.length; at += CHUNK)
      for (const batch of await settleChunk(own.slice(at, at + CHUNK), deps, signal)) moved.add(batch);
  }
  await settleOrphans(fromDay, ofOrphans, deps, signal);
  return moved;
}

async function settleChunk(
  chunk: readonly AdjustmentKey[],
  { corrections, settlements }: SettleDeps,
  signal: AbortSignal,
): Promise<string[]> {
  // Names that had to be encoded, and costs booked on another day, stand in the object alone: these are read.
  const settled = await settlements.areSettled(
    chunk.map(({ idSegment, batchSegment, day, costMicroUsd }) => ({
      idSegment,
      batch: batchSegment,
      bookedDay: day,
      trueMicroUsd: costMicroUsd,
    })),
  );
  const open = chunk.filter((one, at) => settled[at] !== true || one.batchSegment.includes('~'));
  const batches = await pMap(
    open,
    async ({ key, idSegment, costMicroUsd }) => {
      const { batch, bookedDay, baseMicroUsd } = await corrections.readAdjustment(key, signal);
      const steps = await settlements.settle({
        idSegment,
        batch,
        bookedDay,
        bookedMicroUsd: baseMicroUsd,
        trueMicroUsd: costMicroUsd,
      });
      return steps > 0 ? [batch] : [];
    },
    { concurrency: STEPS_AT_ONCE },
  );
  return batches.flat();
}

async function settleOrphans(
  fromDay: string,
  corrected: ReadonlyMap<string, MicroUsd>,
  deps: SettleDeps,
  signal: AbortSignal,
): Promise<void> {
  for await (const { idSegment, day, costMicroUsd, orphan } of deps.corrections.orphans(signal)) {
    if (day < fromDay) continue;
    const isCounted = await isCountedByRequest(orphan.requestId, deps, signal);
    const trueMicroUsd = isCounted ? 0 : (corrected.get(idSegment) ?? costMicroUsd);
    await deps.settlements.settle({
      idSegment,
      batch: NO_BATCH,
      bookedDay: day,
      bookedMicroUsd: 0,
      trueMicroUsd,
    });
  }
}

/**
 * A request that took it holds its price reserved until it books it, with the result in the store by then. The record
 * first: what is booked between the two reads is found by its result. One that has the id and neither gave it up, and
 * the charge is nobody's as before.
 */
async function isCountedByRequest(
  requestId: string,
  { records, journal }: SettleDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const holder = parseJobId((await records.holderOf(requestId)) ?? '');
  const record = holder && (await records.read(requestKeyOf(holder)));
  if (record?.requestId === requestId && record.reserved !== undefined) return true;
  return (await journal.readResult(requestId, signal)) !== undefined;
}

async function* adjustmentsByDay(
  { corrections }: SettleDeps,
  from: string,
  signal: AbortSignal,
): AsyncGenerator<readonly AdjustmentKey[]> {
  let ofDay: AdjustmentKey[] = [];
  for await (const one of corrections.adjustments({ from }, signal)) {
    if (ofDay[0] !== undefined && ofDay[0].day !== one.day) {
      yield ofDay;
      ofDay = [];
    }
    ofDay.push(one);
  }
  if (ofDay.length > 0) yield ofDay;
}
