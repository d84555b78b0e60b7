import { encodeSegment, objectKeys } from '../store/keys.ts';
import type { ListedObject } from '../store/object-store.ts';
import type { LedgerEntry, LedgerTrace } from './objects.ts';

/** A ledger entry's name says what it cost, so that sums need no more than a listing. */
export function ledgerKey(entry: LedgerEntry, day: string): string {
  const { batch, row, part, numImages, costMicroUsd, requestId } = entry;
  const file = `${costMicroUsd}.${numImages}.${row}.${part}.${encodeSegment(requestId)}.json`;
  return `${objectKeys.ledgerDay(day)}${encodeSegment(batch)}/${file}`;
}

/** undefined where the object is no ledger entry. */
export function parseLedgerKey({
  key,
  lastModifiedMs,
}: Pick<ListedObject, 'key' | 'lastModifiedMs'>): LedgerTrace | undefined {
  const match = /^(\d{4}-\d\d-\d\d)\/([^/]+)\/(\d+)\.(\d+)\.(\d+\.\d+)\.([^/]+)\.json$/.exec(
    key.slice(objectKeys.ledger.length),
  );
  if (match === null) return undefined;
  const [, day = '', batchSegment = '', cost, images, member = '', idSegment = ''] = match;
  return {
    key,
    day,
    batchSegment,
    costMicroUsd: Number(cost),
    numImages: Number(images),
    member,
    idSegment,
    writtenAtMs: lastModifiedMs,
  };
}
