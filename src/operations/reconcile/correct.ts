import { formatUsd, type MicroUsd } from '../../shared/base/money.ts';
import { dayOf } from '../../shared/base/time.ts';
import type { BookEvent } from '../../shared/fal/billing.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { IdTaken, LedgerEntry, LedgerTrace } from '../../shared/journal/objects.ts';
import { type Adjustment, type Corrections, NO_BATCH_SEGMENT } from '../../shared/ledger/corrections.ts';
import type { House } from '../../shared/requests/steps.ts';
import { objectKeys, requestKeyOf } from '../../shared/store/keys.ts';

export interface CorrectDeps {
  readonly journal: Pick<Journal, 'readLedger' | 'readResult' | 'readIntent'>;
  readonly corrections: Pick<Corrections, 'writeAdjustment' | 'readAdjustment'>;
  readonly house: Pick<House, 'work' | 'stop'>;
  readonly simulated: boolean;
}

export interface Correction {
  readonly requestId: string;
  readonly fromMicroUsd: MicroUsd;
  readonly toMicroUsd: MicroUsd;
}

/** Brings the ledger to what fal charged; the counters follow in `settle.ts`. Safe to repeat. */
export interface Correct {
  /** Writes the correction of an entry; undefined where this very one stands already. */
  entry(entry: LedgerTrace, costMicroUsd: MicroUsd, signal: AbortSignal): Promise<Correction | undefined>;
  /** Writes a charge for a run of ours that was taken for unbilled. */
  unbilled(owner: IdTaken, event: BookEvent, signal: AbortSignal): Promise<Correction | undefined>;
}

export function createCorrect(deps: CorrectDeps): Correct {
  const { journal, corrections, house } = deps;

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
  };
}
