import type { Grouping } from '../base/choices.ts';
import { type MicroUsd, toUsd } from '../base/money.ts';
import type { LedgerEntry } from '../journal/objects.ts';

/** What a charge is called that no request explains; no batch can have this name. */
export const ORPHANS = '(orphans)';

/** What a group cost: the public contract of `costs --json`, with integer micro-dollars. */
export interface CostRow {
  readonly key: string;
  readonly costMicroUsd: MicroUsd;
  readonly requests: number;
  readonly images: number;
}

/** Sums of the ledger by group; as large as there are groups. */
export class CostSums {
  readonly #rows = new Map<string, { costMicroUsd: MicroUsd; requests: number; images: number }>();

  add(key: string, { costMicroUsd, numImages }: { costMicroUsd: MicroUsd; numImages: number }): void {
    const row = this.#rows.get(key) ?? { costMicroUsd: 0, requests: 0, images: 0 };
    row.costMicroUsd += costMicroUsd;
    row.requests += 1;
    row.images += numImages;
    this.#rows.set(key, row);
  }

  /** Days in their order, everything else the dearest first. */
  rows(by: Grouping): CostRow[] {
    const rows = [...this.#rows].map(([key, sums]) => ({ key, ...sums }));
    const byKey = (a: CostRow, b: CostRow) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
    return by === 'day'
      ? rows.sort(byKey)
      : rows.sort((a, b) => b.costMicroUsd - a.costMicroUsd || byKey(a, b));
  }
}

/** Groups that the entry itself must be read for. */
export function groupOf(by: Grouping, entry: LedgerEntry, day: string): string {
  switch (by) {
    case 'batch':
      return entry.batch || ORPHANS;
    case 'day':
      return day;
    case 'shot':
      return entry.shot || ORPHANS;
    // A model may have no such input.
    case 'quality':
      return entry.quality || 'none';
    case 'size':
      return entry.imageSize || 'none';
    case 'model':
      return entry.model;
  }
}

export function costsJson(rows: readonly CostRow[]) {
  const { costMicroUsd, requests, images } = totalOf(rows);
  return {
    totalUsd: toUsd(costMicroUsd),
    requests,
    images,
    rows: rows.map((row) => ({
      key: row.key,
      usd: toUsd(row.costMicroUsd),
      requests: row.requests,
      images: row.images,
    })),
  };
}

export function totalOf(rows: readonly CostRow[]): Omit<CostRow, 'key'> {
  return {
    costMicroUsd: rows.reduce((sum, one) => sum + one.costMicroUsd, 0),
    requests: rows.reduce((sum, one) => sum + one.requests, 0),
    images: rows.reduce((sum, one) => sum + one.images, 0),
  };
}
