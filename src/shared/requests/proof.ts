import type { BatchEvent, Head } from '../journal/objects.ts';
import type { Proof } from './batches.ts';

/** How far a batch's proof is, by what the store says of it; undefined where it has none. */
export function proofOf({ proof }: Pick<Head, 'proof'>, events: readonly BatchEvent[]): Proof | undefined {
  if (proof === undefined) return undefined;
  return events.some(({ kind }) => kind === 'approve') ? 'approved' : 'open';
}

/** Whether what is to be paid of a row (from 0) waits for a person's word on the proof. */
export function waitsForProof(head: Pick<Head, 'proof'>, proof: Proof | undefined): (row: number) => boolean {
  if (head.proof === undefined || proof !== 'open') return () => false;
  const first = new Set(head.proof.rows);
  return (row) => !first.has(row);
}
