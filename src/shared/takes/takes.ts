import { z } from 'zod';
import { optional } from '../base/time.ts';
import type { Journal } from '../journal/journal.ts';
import type { DeliveredImage } from '../pictures/formats.ts';
import { objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { putJsonOnce, readListedJson } from '../store/objects.ts';
import { ownKeys, TAKE_NAME } from '../store/own-keys.ts';
import { madeOf } from './originals.ts';

/**
 * Which take of a picture counts. A person has delivered pictures made anew, or picks an earlier take again; each such
 * word is a create-once object under the shot key of take 0, written before a redo's first job. The newest word whose
 * picture is delivered wins, for each variant by itself; no take is ever overwritten.
 */
const takeRecord = z.object({
  /** The person's id of the shot. */
  shot: z.string(),
  /** Of take 0. */
  shotKey: z.string(),
  /** The variants that it speaks of. */
  indices: z.array(z.int().min(0)).min(1),
  take: z.int().min(0),
  /** The batch and its row that make, or made, this take: a redo, or for take 0 the batch that was redone. */
  batch: z.string(),
  row: z.int().min(0),
  /** Of this take: where its originals are. */
  takeKey: z.string(),
  /** The renditions that were made of it. */
  recipe: z.string(),
  /** Where it is another one than the list's. */
  prompt: z.string().optional(),
  at: z.int(),
});
export type TakeRecord = Readonly<z.infer<typeof takeRecord>>;

/** A take that is delivered, and the picture as it was delivered. */
export interface DeliveredTake {
  readonly record: TakeRecord;
  readonly image: DeliveredImage;
}

export interface TakesDeps {
  readonly store: Pick<ObjectStore, 'list' | 'get'>;
  readonly journal: Pick<Journal, 'readListedDelivery'>;
  readonly signal?: AbortSignal;
}

/** What people said of takes, as it stood when it was loaded: one listing, and a few reads for each shot that has any. */
export class Takes {
  readonly #deps: TakesDeps;
  /** Keys of the records, oldest first, by the shot key of take 0. */
  readonly #keys: ReadonlyMap<string, readonly string[]>;

  private constructor(deps: TakesDeps, keys: ReadonlyMap<string, readonly string[]>) {
    this.#deps = deps;
    this.#keys = keys;
  }

  static async load(deps: TakesDeps): Promise<Takes> {
    const keys = new Map<string, string[]>();
    const names = { prefix: objectKeys.takes, isOurs: TAKE_NAME };
    for await (const key of ownKeys(deps.store, names, deps.signal)) {
      const shotKey = key.slice(objectKeys.takes.length).split('/')[0] ?? '';
      const known = keys.get(shotKey);
      if (known === undefined) keys.set(shotKey, [key]);
      else known.push(key);
    }
    return new Takes(deps, keys);
  }

  has(shotKey: string): boolean {
    return this.#keys.has(shotKey);
  }

  /** Oldest first. Rejects with a `MalformedError` where one is damaged. */
  async recordsOf(shotKey: string): Promise<readonly TakeRecord[]> {
    const { store, signal } = this.#deps;
    const records: TakeRecord[] = [];
    for (const key of this.#keys.get(shotKey) ?? []) {
      records.push(await readListedJson(store, key, takeRecord, signal));
    }
    return records;
  }

  /** By the variant's number: the take that counts. A variant of which nothing is said, or delivered, is not in it. */
  async countingOf(shotKey: string): Promise<ReadonlyMap<number, DeliveredTake>> {
    const counting = new Map<number, DeliveredTake>();
    for (const record of [...(await this.recordsOf(shotKey))].reverse()) {
      const open = record.indices.filter((index) => !counting.has(index));
      if (open.length === 0) continue;
      for (const image of await this.deliveredOf(record)) {
        if (open.includes(image.index)) counting.set(image.index, { record, image });
      }
    }
    return counting;
  }

  /** The pictures of a take that are delivered, renditions and all. */
  async deliveredOf({ batch, row, indices, takeKey }: TakeRecord): Promise<readonly DeliveredImage[]> {
    const { store, journal, signal } = this.#deps;
    // One request or a few: those of a row stand together.
    const prefix = `${objectKeys.deliveries(batch)}${row}.`;
    const images: DeliveredImage[] = [];
    for await (const { key } of store.list(prefix, optional(signal))) {
      const part = /^(\d+)\.json$/.exec(key.slice(prefix.length))?.[1];
      if (part === undefined) continue;
      images.push(...(await journal.readListedDelivery({ batch, row, part: Number(part) }, signal)).images);
    }
    return images.filter((image) => indices.includes(image.index) && isOfTake(image, takeKey));
  }
}

/** Whether a picture is made of an original of the shot key. */
export function isOfTake({ original }: Pick<DeliveredImage, 'original'>, takeKey: string): boolean {
  return original.key.startsWith(objectKeys.originals(takeKey));
}

/** `id`: a name that no other word on the shot of the same millisecond has; they count in the order of their names. */
export async function writeTake(
  store: Pick<ObjectStore, 'putOnce'>,
  record: TakeRecord,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  await putJsonOnce(store, objectKeys.take(record.shotKey, record.at, id), record, signal);
}

/**
 * For a plan: the shot key of the take that counts of each variant below `variants`, where that is not take 0 and its
 * original is there still.
 */
export function createTakesOfPlan(
  takes: Pick<Takes, 'has' | 'countingOf'>,
  store: Pick<ObjectStore, 'list'>,
  signal?: AbortSignal,
): (shotKey: string, variants: number) => Promise<ReadonlyMap<number, string>> {
  return async (shotKey, variants) => {
    const keys = new Map<number, string>();
    if (!takes.has(shotKey)) return keys;
    const made = new Map<string, ReadonlySet<number>>();
    for (const [index, { record }] of await takes.countingOf(shotKey)) {
      const { take, takeKey } = record;
      if (take === 0 || index >= variants) continue;
      const stored = made.get(takeKey) ?? (await madeOf(store, takeKey, signal));
      made.set(takeKey, stored);
      if (stored.has(index)) keys.set(index, takeKey);
    }
    return keys;
  };
}
