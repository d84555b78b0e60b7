import { z } from 'zod';
import { objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { putJsonOnce, readListedJson } from '../store/objects.ts';
import type { Variant } from './variants.ts';

/**
 * What is noted beside the originals of a shot, each note once. A paid note stays when its picture comes: the picture's
 * own object says that it is made.
 */
const paidNote = z.object({
  requestId: z.string(),
  /** Its place in fal's answer, from 0; unknown of what versions before kept as `.bin`. */
  image: z.int().min(0).optional(),
  /** Since when it could not be had, ms since 1970. */
  since: z.int(),
  why: z.string(),
});
export type PaidNote = Readonly<z.infer<typeof paidNote>>;

/** `gone`: nobody has it any more. `paid_again`: a user had it made and paid for again. */
const goneNote = z.object({ requestId: z.string(), at: z.int(), why: z.enum(['gone', 'paid_again']) });
export type GoneNote = Readonly<z.infer<typeof goneNote>>;

/** Of a picture that cannot be decoded: which bytes they were, so that the same ones are known again. */
const damagedNote = z.object({
  key: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.int(),
});
export type DamagedNote = Readonly<z.infer<typeof damagedNote>>;

type Writer = Pick<ObjectStore, 'putOnce'>;

/** Before the request fails, and before the picture is marked as damaged: else somebody could pay for it in between. */
export async function writePaid(
  store: Writer,
  { shotKey, index }: { readonly shotKey: string; readonly index: number },
  note: PaidNote,
  signal?: AbortSignal,
): Promise<void> {
  await putJsonOnce(store, objectKeys.paid(shotKey, index, note.requestId), note, signal);
}

/** From here on the variant may be paid for again. */
export async function writeGone(
  store: Writer,
  { shotKey, index }: { readonly shotKey: string; readonly index: number },
  note: GoneNote,
  signal?: AbortSignal,
): Promise<void> {
  await putJsonOnce(store, objectKeys.gone(shotKey, index, note.requestId), note, signal);
}

/** Of the highest picture of a variant. */
export async function writeDamaged(
  store: Writer,
  { shotKey, index, nth }: { readonly shotKey: string; readonly index: number; readonly nth: number },
  note: DamagedNote,
  signal?: AbortSignal,
): Promise<void> {
  await putJsonOnce(store, objectKeys.damaged(shotKey, index, nth), note, signal);
}

/** The requests that were paid for a variant and whose picture is not gone, oldest note first. */
export async function readPaid(
  store: Pick<ObjectStore, 'get'>,
  shotKey: string,
  { index, paidBy, legacyKey }: Variant,
  signal?: AbortSignal,
): Promise<readonly PaidNote[]> {
  const notes: PaidNote[] = [];
  for (const segment of paidBy) {
    const key = `${objectKeys.originals(shotKey)}${index}.paid.${segment}.json`;
    notes.push(await readListedJson(store, key, paidNote, signal));
  }
  if (legacyKey !== undefined && notes.length === 0) {
    const requestId = (await store.get(legacyKey, signal))?.metadata['fal-request-id'] ?? 'unknown';
    notes.push({ requestId, since: 0, why: 'what fal answered was no picture' });
  }
  return notes.sort((a, b) => a.since - b.since);
}

/** When bytes with this hash were marked as damaged (ms since 1970); undefined where they never were. */
export async function damagedAtMs(
  store: Pick<ObjectStore, 'get'>,
  { damagedKeys }: Pick<Variant, 'damagedKeys'>,
  sha256: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  for (const key of damagedKeys) {
    const note = await readListedJson(store, key, damagedNote, signal);
    if (note.sha256 === sha256) return note.at;
  }
  return undefined;
}
