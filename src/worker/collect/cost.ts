import type { Logger } from '../../shared/base/log.ts';
import { formatUsd, fromUsd, type MicroUsd } from '../../shared/base/money.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Result } from '../../shared/journal/objects.ts';
import { priceOf } from '../../shared/models/price.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { House, Work } from '../../shared/requests/steps.ts';

export interface Cost {
  readonly cost: MicroUsd;
  readonly source: Result['source'];
}

/**
 * What a request cost, by the best source at hand: fal's own units at fal's own price; else the model's price rule,
 * exact where every option is explicit; else the dearest it can be.
 */
export function costOf(
  { row, model }: Work,
  numImages: number,
  units: number | undefined,
  unitPriceUsd: number | undefined,
): Cost {
  if (units !== undefined && unitPriceUsd !== undefined) {
    return { cost: fromUsd(units * unitPriceUsd), source: 'billable-units' };
  }
  const { minMicroUsd, maxMicroUsd } = priceOf(model, row.input, row.prompt, numImages);
  return { cost: maxMicroUsd, source: minMicroUsd === maxMicroUsd ? 'price-rule' : 'assumed' };
}

export interface BookDeps {
  readonly house: House;
  readonly journal: Journal;
  readonly simulated: boolean;
  readonly log: Logger;
}

/**
 * Writes the ledger entry (create-once: every part of it comes from the stored result) and turns the reservation into
 * money spent. A cost above what was reserved is booked too, and stops all submits first, until a person has looked.
 */
export function createBook({ house, journal, simulated, log }: BookDeps) {
  return async (record: RequestRecord, { row }: Work, result: Result, signal: AbortSignal): Promise<void> => {
    const { request, epoch, round } = record;
    const { batch, row: rowNumber, part, requestId, cost, source, images, at, day } = result;
    if (cost > 0) {
      const entry = {
        batch,
        row: rowNumber,
        part,
        ts: new Date(at).toISOString(),
        shot: row.shot,
        requestId,
        model: row.model,
        quality: textOf(row.input['quality']),
        imageSize: textOf(row.input['image_size']),
        numImages: images.length,
        costMicroUsd: cost,
        source,
        ...(row.why === undefined ? {} : { why: row.why }),
        ...(simulated ? { simulated } : {}),
      };
      await journal.writeLedger(entry, day, signal);
    }
    // Nothing reserved: this was booked by a run that died behind it.
    if (record.reserved === undefined) return;
    if (cost > record.reserved) {
      // Before it is booked: whoever dies in between comes here again, and behind it nobody would.
      const paid = `${formatUsd(cost)} where at most ${formatUsd(record.reserved)} was expected`;
      await house.stop({
        code: 'price_changed',
        reason: `price_changed: fal charged ${paid}; compare the price in the model's file with fal's page, then run shotlist resume`,
      });
    }
    const booked = await house.step('book', { request, epoch, round, book: { cost, images: images.length } });
    if (booked.code !== 'ok') return;
    log.info(
      { batch, shot: row.shot, requestId, costMicroUsd: cost, source, images: images.length },
      'request settled',
    );
  };
}

function textOf(value: string | number | boolean | undefined): string {
  return value === undefined ? '' : String(value);
}
