import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import { parseLedgerKey } from '../journal/ledger-key.ts';
import { type LedgerTrace, ledgerEntry } from '../journal/objects.ts';
import { encodeSegment, objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { putJsonOnce, readListedJson } from '../store/objects.ts';
import { ORPHAN_NAME } from '../store/own-keys.ts';

/**
 * What fal's bill says of the ledger. An entry is never rewritten: a correction is an object beside it, and a charge
 * that no request explains an object of its own. Both hold a whole ledger entry, so that they can be read as one.
 */
const adjustment = ledgerEntry.extend({
  /** The entry's day: where it lies in the ledger. */
  day: z.string(),
  /** The day whose counters the entry was booked on. */
  bookedDay: z.string(),
  /** 1 for the first correction of an entry; the highest counts, and of equals the dearest. */
  sequence: z.int().min(1),
  /** What the ledger said before. */
  fromMicroUsd: z.int().min(0),
  /** What was booked when the request was settled; 0 where nothing was. */
  baseMicroUsd: z.int().min(0),
});
export type Adjustment = z.infer<typeof adjustment>;

/** Its batch and shot are empty. */
const orphan = ledgerEntry.extend({
  day: z.string(),
  endpoint: z.string(),
  /** What was asked for, as fal's list shows it, without what signs an address; undefined where it does not show it. */
  input: z.unknown().optional(),
});
export type Orphan = z.infer<typeof orphan>;

/** The batch of what belongs to none. */
export const NO_BATCH = '';
export const NO_BATCH_SEGMENT = encodeSegment(NO_BATCH);

export interface AdjustmentKey extends LedgerTrace {
  readonly sequence: number;
}

export interface OrphanKey extends LedgerTrace {
  readonly orphan: Orphan;
}

export class Corrections {
  readonly #store: Pick<ObjectStore, 'get' | 'list' | 'putOnce'>;

  constructor({ store }: { readonly store: Pick<ObjectStore, 'get' | 'list' | 'putOnce'> }) {
    this.#store = store;
  }

  /** `exists`: this very correction was written before. */
  async writeAdjustment(value: Adjustment, signal?: AbortSignal): Promise<'created' | 'exists'> {
    return await this.#once(adjustmentKey(value), value, signal);
  }

  /** Newest day last. `from` and `to` are days of the entries that are corrected, both included. */
  async *adjustments(
    range: { readonly from?: string; readonly to?: string } = {},
    signal?: AbortSignal,
  ): AsyncGenerator<AdjustmentKey> {
    const after =
      range.from === undefined ? {} : { after: objectKeys.adjustmentDay(range.from).slice(0, -1) };
    for await (const one of this.#list(objectKeys.adjustments, { ...after, ...optional(signal) })) {
      if (range.to !== undefined && one.day > range.to) return;
      yield one;
    }
  }

  /** Of one day's entries of one batch. */
  adjustmentsOf(batch: string, day: string, signal?: AbortSignal): AsyncGenerator<AdjustmentKey> {
    return this.#list(`${objectKeys.adjustmentDay(day)}${encodeSegment(batch)}/`, optional(signal));
  }

  async readAdjustment(key: string, signal?: AbortSignal): Promise<Adjustment> {
    return await this.#readWritten(key, adjustment, signal);
  }

  async writeOrphan(value: Orphan, signal?: AbortSignal): Promise<'created' | 'exists'> {
    return await this.#once(objectKeys.orphan(value.requestId), value, signal);
  }

  /**
   * All of them, or those written since then, in no order of time: there are few. One that is damaged goes to `onOdd`, and
   * the others come all the same; without it, it rejects with a `MalformedError`.
   */
  async *orphans(
    signal?: AbortSignal,
    writtenSinceMs = 0,
    onOdd?: (error: MalformedError) => void,
  ): AsyncGenerator<OrphanKey> {
    for await (const { key, lastModifiedMs } of this.#store.list(objectKeys.orphans, optional(signal))) {
      if (lastModifiedMs < writtenSinceMs || !ORPHAN_NAME(key.slice(objectKeys.orphans.length))) continue;
      let found: Orphan;
      try {
        found = await this.#readWritten(key, orphan, signal);
      } catch (error) {
        if (!(error instanceof MalformedError) || onOdd === undefined) throw error;
        onOdd(error);
        continue;
      }
      yield {
        key,
        day: found.day,
        batchSegment: NO_BATCH_SEGMENT,
        costMicroUsd: found.costMicroUsd,
        numImages: found.numImages,
        member: `${found.row}.${found.part}`,
        idSegment: encodeSegment(found.requestId),
        writtenAtMs: lastModifiedMs,
        orphan: found,
      };
    }
  }

  /** No sum may leave out what cannot be read; but fal's bill says it again. */
  async #readWritten<T>(key: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await readListedJson(this.#store, key, schema, signal);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw new MalformedError(
        `${error.message.replace(/\.$/, '')}, or delete it: shotlist reconcile writes it again from fal's bill.`,
        { cause: error },
      );
    }
  }

  async *#list(
    prefix: string,
    options: { readonly after?: string; readonly signal?: AbortSignal },
  ): AsyncGenerator<AdjustmentKey> {
    for await (const listed of this.#store.list(prefix, options)) {
      const parsed = parseAdjustmentKey(listed);
      if (parsed !== undefined) yield parsed;
    }
  }

  async #once(key: string, value: unknown, signal: AbortSignal | undefined): Promise<'created' | 'exists'> {
    return (await putJsonOnce(this.#store, key, value, signal)) ? 'created' : 'exists';
  }
}

function adjustmentKey(value: Adjustment): string {
  const { batch, day, row, part, numImages, costMicroUsd, requestId, sequence } = value;
  const file = `${costMicroUsd}.${numImages}.${row}.${part}.${encodeSegment(requestId)}.json`;
  const number = String(sequence).padStart(4, '0');
  return `${objectKeys.adjustmentDay(day)}${encodeSegment(batch)}/${number}.${file}`;
}

function parseAdjustmentKey(listed: { key: string; lastModifiedMs: number }): AdjustmentKey | undefined {
  const match = /^([^/]+\/[^/]+\/)(\d+)\.(.+)$/.exec(listed.key.slice(objectKeys.adjustments.length));
  if (match === null) return undefined;
  const [, folder = '', sequence, file = ''] = match;
  // Behind its number it is named like the entry that it corrects.
  const parsed = parseLedgerKey({ ...listed, key: `${objectKeys.ledger}${folder}${file}` });
  return parsed === undefined ? undefined : { ...parsed, key: listed.key, sequence: Number(sequence) };
}
