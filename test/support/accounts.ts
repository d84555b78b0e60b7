import { expect } from '@jest/globals';
import type { LedgerEntry } from '../../src/shared/journal/objects.ts';
import type { PlanRow } from '../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { inputOf } from '../../src/shared/requests/input.ts';
import { originalsOf } from '../../src/shared/takes/originals.ts';
import type { Workshop } from './workshop.ts';

const registry = defaultRegistry();

/** Every entry of the ledger, in the order of its keys. */
export async function ledgerOf({ shop }: Workshop): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const { key } of shop.journal.listLedger()) {
    const entry = await shop.journal.readLedger(key);
    if (entry === undefined) throw new Error(`${key} is listed and not there`);
    entries.push(entry);
  }
  return entries;
}

/**
 * Entry by entry, by request id and micro-dollar, and in both directions: the ledger is what fal charged. `but`: a
 * request that fal ended with an error and no word of its cost, which the ledger must take to be paid for.
 */
export async function expectLedgerIsBook(workshop: Workshop, { but }: { but?: string } = {}): Promise<void> {
  const entries = (await ledgerOf(workshop)).filter(({ requestId }) => requestId !== but);
  const ledger = entries.map(({ requestId, costMicroUsd }) => ({
    requestId,
    costMicroUsd,
  }));
  const book = workshop.fal.book
    .charged()
    .map(({ requestId, chargedMicroUsd }) => ({ requestId, costMicroUsd: chargedMicroUsd }));
  expect(ledger.sort(byId)).toEqual(book.sort(byId));
}

/** Every image that the batches want is in the store, and was made by fal exactly once, whatever asked for it. */
export async function expectPaidOnce(workshop: Workshop, ...batches: readonly string[]): Promise<void> {
  const wanted = new Map<string, Set<string>>();
  for (const row of await planRowsOf(workshop, batches)) {
    const stored = new Set((await originalsOf(workshop.shop.store, row.shotKey)).map(({ index }) => index));
    for (let index = 0; index < row.variants; index += 1) {
      expect({ shot: row.shot, index, stored: stored.has(index) }).toEqual({
        shot: row.shot,
        index,
        stored: true,
      });
      const input = signatureOf(inputOf({ row, model: registry.get(row.model) }, 1));
      wanted.set(input, (wanted.get(input) ?? new Set()).add(`${row.shotKey} ${index}`));
    }
  }
  const paid = new Map<string, number>();
  for (const { input, images } of workshop.fal.book.charged()) {
    const signature = signatureOf(input);
    paid.set(signature, (paid.get(signature) ?? 0) + images);
  }
  const counted = [...wanted].map(([input, images]): [string, number] => [input, images.size]);
  expect(Object.fromEntries(paid)).toEqual(Object.fromEntries(counted));
}

/** Nothing is reserved any more, and what the batches spent is what fal charged. */
export async function expectMoneyAtRest(workshop: Workshop, ...batches: readonly string[]): Promise<void> {
  const views = await Promise.all(batches.map((batch) => workshop.shop.batches.read(batch)));
  expect(views.map((view) => view?.reserved)).toEqual(batches.map(() => 0));
  const spent = views.reduce((sum, view) => sum + (view?.spent ?? 0), 0);
  expect(spent).toBe(workshop.fal.book.totalMicroUsd());
}

/** The last failure of each failed request of a batch, by the shot's id. */
export async function failuresOf(
  workshop: Workshop,
  batch: string,
): Promise<Record<string, { code: string; message: string }>> {
  const rows = await planRowsOf(workshop, [batch]);
  const failures = await workshop.shop.journal.failures(batch);
  return Object.fromEntries(
    [...failures.values()].map(({ row, code, message }) => [rows[row]?.shot ?? '', { code, message }]),
  );
}

async function planRowsOf({ shop }: Workshop, batches: readonly string[]): Promise<PlanRow[]> {
  const rows: PlanRow[] = [];
  for (const batch of batches) {
    const head = await shop.journal.readHead(batch);
    if (head === undefined) throw new Error(`the store has no batch ${batch}`);
    for (let chunk = 0; chunk < head.chunks; chunk += 1) {
      rows.push(...(await shop.journal.readChunk(batch, chunk)));
    }
  }
  return rows;
}

/** An input without its number of images: what decides which picture it is. */
function signatureOf(input: Readonly<Record<string, unknown>>): string {
  const { num_images: _, ...picture } = input;
  return JSON.stringify(Object.entries(picture).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function byId(a: { requestId: string }, b: { requestId: string }): number {
  return a.requestId < b.requestId ? -1 : 1;
}
