import { pMapIterable } from 'p-map';
import { UserError } from '../../shared/base/errors.ts';
import { nearest } from '../../shared/base/nearest.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { isMadeAgain } from '../../shared/journal/regeneration.ts';
import type { DeliveredImage } from '../../shared/pictures/formats.ts';
import { madeAnew } from '../../shared/takes/manifest-takes.ts';
import type { Takes } from '../../shared/takes/takes.ts';

/** Pictures of one shot that a person speaks of, or that failed a check. */
export interface ChosenShot {
  readonly row: PlanRow;
  /** Ascending. */
  readonly indices: readonly number[];
  /** Where no person asked for them: the ledger's word on it. */
  readonly why?: string;
}

/** And as they were delivered. */
export interface DeliveredShot extends ChosenShot {
  readonly images: readonly DeliveredImage[];
}

export interface ShotChoice {
  readonly ids: ReadonlySet<string>;
  /** Number of a variant, from 0; undefined: all of them. */
  readonly index: number | undefined;
}

const CHUNKS_AT_ONCE = 4;

/** Ids that are compared with one that is not there: a mistyped one is looked for in so many, not in a million. */
const COMPARED = 20_000;

/**
 * The rows of a batch's plan that a person names, in the order of the list. Rejects with a `UserError` for an id that
 * is not in it, or a variant that a shot does not have.
 */
export async function findShots(
  { batch, chunks }: Pick<Head, 'batch' | 'chunks'>,
  { ids, index }: ShotChoice,
  { journal }: { readonly journal: Pick<Journal, 'readChunk'> },
  signal: AbortSignal,
): Promise<readonly ChosenShot[]> {
  // A list never has one id in two Unicode forms; a person's keyboard may write the other one.
  const open = new Map([...ids].map((id) => [id.normalize('NFC'), id]));
  const found: ChosenShot[] = [];
  const others: string[] = [];
  const numbers = Array.from({ length: chunks }, (_, chunk) => chunk);
  for await (const rows of pMapIterable(numbers, (chunk) => journal.readChunk(batch, chunk, signal), {
    concurrency: CHUNKS_AT_ONCE,
  })) {
    for (const row of rows) {
      if (open.delete(row.shot.normalize('NFC'))) found.push({ row, indices: indicesOf(row, index) });
      else if (others.length < COMPARED) others.push(row.shot);
    }
    if (open.size === 0) return found;
  }
  throw unknownShots(batch, [...open.values()], others);
}

function indicesOf({ shot, variants }: PlanRow, index: number | undefined): readonly number[] {
  if (index === undefined) return Array.from({ length: variants }, (_, at) => at);
  if (index < variants) return [index];
  const has =
    variants === 1 ? 'has one picture, number 0' : `has ${variants} pictures, numbered 0 to ${variants - 1}`;
  throw new UserError('no_such_index', `${shot} ${has}: there is no --index ${index}.`);
}

function unknownShots(batch: string, missing: readonly string[], others: readonly string[]): UserError {
  const [first = ''] = missing;
  const near = nearest(first, others);
  const hint = near === undefined ? `shotlist export ${batch} lists them.` : `did you mean ${near}?`;
  return new UserError('unknown_shot', `Batch ${batch} has no shot ${missing.join(', ')}: ${hint}`);
}

export interface DeliveredDeps {
  readonly journal: Pick<Journal, 'readDelivery' | 'failures'>;
  readonly takes: Pick<Takes, 'has' | 'countingOf'>;
}

/**
 * As the manifest shows them: a picture that failed a check and was made again is the take that was delivered for it.
 * Rejects with a `UserError` where one of the pictures is not delivered.
 */
export async function deliveredShots(
  head: Pick<Head, 'batch' | 'regenerate'>,
  shots: readonly ChosenShot[],
  { journal, takes }: DeliveredDeps,
  signal: AbortSignal,
): Promise<readonly DeliveredShot[]> {
  const { batch } = head;
  const failures = head.regenerate === undefined ? undefined : await journal.failures(batch, signal);
  const delivered: DeliveredShot[] = [];
  for (const { row, indices } of shots) {
    const wanted = row.requests.filter((request) => request.indices.some((index) => indices.includes(index)));
    const images: DeliveredImage[] = [];
    for (const { part, indices: all } of wanted) {
      const delivery = await journal.readDelivery({ batch, row: row.row, part }, signal);
      const failure = delivery === undefined ? failures?.get(`${row.row}.${part}`) : undefined;
      const again =
        failure !== undefined && isMadeAgain(head, failure.code)
          ? await madeAnew(row, all, takes)
          : undefined;
      images.push(...(delivery?.images ?? again ?? []).filter(({ index }) => indices.includes(index)));
    }
    const missing = indices.filter((index) => !images.some((image) => image.index === index));
    if (missing.length > 0) throw notDelivered(batch, row, missing);
    delivered.push({ row, indices, images });
  }
  return delivered;
}

function notDelivered(batch: string, { shot, variants }: PlanRow, missing: readonly number[]): UserError {
  const what =
    variants === missing.length
      ? `${shot} is not delivered`
      : `${missing.length === 1 ? 'picture' : 'pictures'} ${missing.join(', ')} of ${shot} ${missing.length === 1 ? 'is' : 'are'} not delivered`;
  const others = variants === missing.length ? '' : '; --index names one that is';
  return new UserError(
    'not_delivered',
    `${what} in ${batch}, and only a delivered picture can be made again: see shotlist status ${batch}, and if it failed run shotlist retry ${batch} --shot ${shot}${others}.`,
  );
}
