import { createHash } from 'node:crypto';
import { MAX_BATCH_ID } from '../store/keys.ts';
import type { Head } from './objects.ts';

/** So often at most a picture that fails a check is made anew. */
export const MAX_REGENERATIONS = 5;

/** What another picture of the same words may pass: fal has delivered, and the picture is not as it was asked for. */
export const CHECK_FAILURES: ReadonlySet<string> = new Set(['failed_check', 'wrong_size', 'no_alpha']);

/** Whether a batch has such failures made again, so that a delivered take stands for them. */
export function isMadeAgain({ regenerate }: Pick<Head, 'regenerate'>, code: string): boolean {
  return regenerate !== undefined && CHECK_FAILURES.has(code);
}

/** The batch that a person queued: its regenerations carry its id. */
export function rootOf({ batch, round, redoOf }: Pick<Head, 'batch' | 'round' | 'redoOf'>): string {
  return round === undefined || redoOf === undefined ? batch : redoOf;
}

/** The batch of one round; a batch has one a round, whoever begins it and however often. */
export function regenerationId(root: string, round: number): string {
  const end = `.again${round}`;
  if (root.length + end.length <= MAX_BATCH_ID) return `${root}${end}`;
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 8);
  return `${root.slice(0, MAX_BATCH_ID - end.length - hash.length - 1)}-${hash}${end}`;
}

/** Every batch that a root may have made anew, first round first. */
export function regenerationIds({ batch, regenerate, round }: Pick<Head, 'batch' | 'regenerate' | 'round'>) {
  if (round !== undefined) return [];
  return Array.from({ length: regenerate ?? 0 }, (_, at) => regenerationId(batch, at + 1));
}
