import {
  type Adjustment,
  type AdjustmentKey,
  type Corrections,
  NO_BATCH,
  NO_BATCH_SEGMENT,
} from '../../shared/corrections.ts';
import { MalformedError } from '../../shared/errors.ts';
import type { IdTaken, Journal, LedgerEntry, LedgerTrace } from '../../shared/journal.ts';
import { objectKeys, requestKeyOf } from '../../shared/keys.ts';
import { latestOf, standingOrphans } from '../../shared/merged-ledger.ts';
import { formatUsd, type MicroUsd } from '../../shared/money.ts';
import type { Settlements } from '../../shared/records/settlements.ts';
import { dayOf } from '../../shared/time.ts';
import type { House } from '../house.ts';
import type { BookEvent } from './billing.ts';

export interface CorrectDeps {
  readonly journal: Pick<Journal, 'readLedger' | 'readResult' | 'readIntent'>;
  readonly corrections: Corrections;
  readonly settlements: Pick<Settlements, 'settle' | 'counted'>;
  readonly house: Pick<House, 'work' | 'stop'>;
  readonly simulated: boolean;
}

export interface Correction {
  readonly requestId: string;
  readonly fromMicroUsd: MicroUsd;
  readonly toMicroUsd: MicroUsd;
}

/** Brings the ledger, and then the counters, to what fal charged. Every step is safe to repeat. */
export interface Correct {
  /** Writes the correction of an entry; undefined where this very one stands already. */
  entry(entry: LedgerTrace, costMicroUsd: MicroUsd, signal: AbortSignal): Promise<Correction | undefined>;
  /** Writes a charge for a run of ours that was taken for unbilled. */
  unbilled(owner: IdTaken, event: BookEvent, signal: AbortSignal): Promise<Correction | undefined>;
  /**
   * Moves the counters to what corrections and orphans say, of entries since that day. Resolves to the batches whose
   * money moved: what was broken off before is made up for.
   */
  settle(fromDay: string, signal: AbortSignal): Promise<ReadonlySet<string>>;
}

export function createCorrect(deps: CorrectDeps): Correct {
  const { journal, corrections, settlements, house } = deps;

  async function write(value: Adjustment, signal: AbortSignal): Promise<Correction | undefined> {
    if ((await corrections.writeAdjustment(value, signal)) === 'exists') return undefined;
    const { requestId, fromMicroUsd, costMicroUsd } = value;
    return { requestId, fromMicroUsd, toMicroUsd: costMicroUsd };
  }

  /** How the entry stands: what was booked for it, where, and how often it was corrected. */
  async function standing(trace: LedgerTrace, signal: AbortSignal) {
    if (trace.key.startsWith(objectKeys.adjustments)) {
      const before = await corrections.readAdjustment(trace.key, signal);
      const { sequence, bookedDay, baseMicroUsd } = before;
      return { entry: before, sequence, bookedDay, baseMicroUsd, reserved: undefined };
    }
    const entry = await journal.readLedger(trace.key, signal);
    if (entry === undefined) throw new MalformedError(`${trace.key} was listed in the store and is gone.`);
    if (trace.batchSegment === NO_BATCH_SEGMENT)
      return { entry, sequence: 0, bookedDay: trace.day, baseMicroUsd: 0, reserved: undefined };
    const result = await journal.readResult(entry.requestId, signal);
    const intent = result === undefined ? undefined : await journal.readIntent(entry, result.round, signal);
    return {
      entry,
      sequence: 0,
      // A reservation names its day, and there the cost is booked, whenever the result is read.
      bookedDay: intent?.day ?? trace.day,
      baseMicroUsd: entry.costMicroUsd,
      reserved: intent?.reserved,
    };
  }

  return {
    async entry(trace, costMicroUsd, signal) {
      const { entry, sequence, bookedDay, baseMicroUsd, reserved } = await standing(trace, signal);
      const correction = await write(
        {
          ...entry,
          costMicroUsd,
          source: 'billing-event',
          day: trace.day,
          bookedDay,
          sequence: sequence + 1,
          fromMicroUsd: trace.costMicroUsd,
          baseMicroUsd,
        },
        signal,
      );
      if (correction !== undefined && reserved !== undefined && costMicroUsd > reserved) {
        const charged = `${formatUsd(costMicroUsd)} where at most ${formatUsd(reserved)} was expected`;
        await house.stop({
          code: 'price_changed',
          reason: `price_changed: fal's bill says ${charged}; compare the price in the model's file with fal's page, then run shotlist resume`,
        });
      }
      return correction;
    },

    async unbilled(owner, { requestId, atMs, costMicroUsd }, signal) {
      const { row } = await house.work(requestKeyOf(owner), signal);
      const intent = await journal.readIntent(owner, owner.round, signal);
      const entry: LedgerEntry = {
        batch: owner.batch,
        row: owner.row,
        part: owner.part,
        ts: new Date(atMs).toISOString(),
        shot: row.shot,
        requestId,
        model: row.model,
        quality: String(row.input['quality'] ?? ''),
        imageSize: String(row.input['image_size'] ?? ''),
        numImages: 0,
        costMicroUsd,
        source: 'billing-event',
        ...(deps.simulated ? { simulated: true } : {}),
      };
      // The day of our own journal: fal's clock, or another time zone, must not make two corrections of one.
      const day = dayOf(owner.at);
      const more = { day, bookedDay: intent?.day ?? day, sequence: 1, fromMicroUsd: 0, baseMicroUsd: 0 };
      return await write({ ...entry, ...more }, signal);
    },

    async settle(fromDay, signal) {
      const moved = new Set<string>();
      const latest = new Map<string, AdjustmentKey[]>();
      for await (const one of corrections.adjustments({ from: fromDay }, signal))
        latest.set(one.day, [...(latest.get(one.day) ?? []), one]);
      const ofOrphans = new Map<string, MicroUsd>();
      for (const [day, ofDay] of latest) {
        const last = [...latestOf(ofDay).values()];
        for (const one of last)
          if (one.batchSegment === NO_BATCH_SEGMENT) ofOrphans.set(one.idSegment, one.costMicroUsd);
        const own = last.filter((one) => one.batchSegment !== NO_BATCH_SEGMENT);
        for (let at = 0; at < own.length; at += 500) {
          const chunk = own.slice(at, at + 500);
          const counted = await settlements.counted(
            day,
            chunk.map(({ idSegment }) => idSegment),
          );
          for (const [index, one] of chunk.entries()) {
            if (counted[index] === one.costMicroUsd) continue;
            const { batch, bookedDay, baseMicroUsd } = await corrections.readAdjustment(one.key, signal);
            await settlements.settle({
              day,
              idSegment: one.idSegment,
              batch,
              bookedDay,
              bookedMicroUsd: baseMicroUsd,
              trueMicroUsd: one.costMicroUsd,
            });
            moved.add(batch);
          }
        }
      }
      await settleOrphans(fromDay, ofOrphans, signal);
      return moved;
    },
  };

  async function settleOrphans(
    fromDay: string,
    corrected: ReadonlyMap<string, MicroUsd>,
    signal: AbortSignal,
  ): Promise<void> {
    const standing = new Set<string>();
    for (const { idSegment } of await standingOrphans({ journal, corrections }, signal))
      standing.add(idSegment);
    for await (const { idSegment, day, costMicroUsd } of corrections.orphans(signal)) {
      // Its corrections were not read.
      if (day < fromDay && standing.has(idSegment)) continue;
      // A request has taken it since, and booked it.
      const trueMicroUsd = standing.has(idSegment) ? (corrected.get(idSegment) ?? costMicroUsd) : 0;
      await settlements.settle({
        day,
        idSegment,
        batch: NO_BATCH,
        bookedDay: day,
        bookedMicroUsd: 0,
        trueMicroUsd,
      });
    }
  }
}
