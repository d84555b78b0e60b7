import { optional } from '../base/time.ts';
import { foldersIn } from '../store/folders.ts';
import { JOURNAL, objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { CHUNK_NAME, EVENT_NAME } from '../store/own-keys.ts';

/** What the names under a batch's folder say: one listing, whatever the size of the batch. */
export interface BatchTraces {
  /** Numbers of the plan chunks that stand. */
  readonly chunks: ReadonlySet<number>;
  /** Requests are named `<row>.<part>`. */
  readonly delivered: ReadonlySet<string>;
  /** The last round of each request that failed in the end, or was about to be sent. */
  readonly failed: ReadonlyMap<string, number>;
  readonly intents: ReadonlyMap<string, number>;
  /** Those before the last one; few requests have any. */
  readonly earlierIntents: ReadonlyMap<string, readonly number[]>;
  /** Rounds that have an id of fal's, with the numbers of the objects that say so. */
  readonly rounds: ReadonlyMap<string, readonly { readonly round: number; readonly nth: number }[]>;
  /** The same as versions before wrote it: the ids themselves, as they stand in keys. */
  readonly ids: ReadonlyMap<string, readonly { readonly round: number; readonly segment: string }[]>;
}

const FOLDERS = `${JOURNAL}batches/`;

export async function tracesOf(
  store: Pick<ObjectStore, 'list'>,
  batch: string,
  signal?: AbortSignal,
): Promise<BatchTraces> {
  return await tracesIn(store, objectKeys.batchFolder(batch), signal);
}

/** `folder`: of a batch. */
export async function tracesIn(
  store: Pick<ObjectStore, 'list'>,
  folder: string,
  signal?: AbortSignal,
): Promise<BatchTraces> {
  const chunks = new Set<number>();
  const delivered = new Set<string>();
  const failed = new Map<string, number>();
  const intents = new Map<string, number>();
  const earlierIntents = new Map<string, number[]>();
  const rounds = new Map<string, { round: number; nth: number }[]>();
  const ids = new Map<string, { round: number; segment: string }[]>();
  for await (const { key } of store.list(folder, optional(signal))) {
    const [kind = '', name = ''] = key.slice(folder.length).split('/');
    if (kind === 'plan') {
      if (CHUNK_NAME(name)) chunks.add(Number(name.slice(0, 6)));
    } else if (kind === 'delivered') delivered.add(name.replace(/\.json$/, ''));
    else if (kind === 'failed') raise(failed, name);
    else if (kind === 'intents') raise(intents, name, earlierIntents);
    else if (kind === 'ids') {
      const match = /^(\d+\.\d+)-(\d+)\.(.+)\.json$/.exec(name);
      if (match === null) continue;
      const [, member = '', round, segment = ''] = match;
      append(ids, member, { round: Number(round), segment });
    } else if (kind === 'rounds') {
      const match = /^(\d+\.\d+)-(\d+)\.(\d+)\.json$/.exec(name);
      if (match === null) continue;
      const [, member = '', round, nth] = match;
      append(rounds, member, { round: Number(round), nth: Number(nth) });
    }
  }
  return { chunks, delivered, failed, intents, earlierIntents, rounds, ids };
}

function append<T>(map: Map<string, T[]>, member: string, one: T): void {
  const known = map.get(member) ?? [];
  known.push(one);
  map.set(member, known);
}

/** `earlier`: takes what is not the last. */
function raise(rounds: Map<string, number>, name: string, earlier?: Map<string, number[]>): void {
  const match = /^(\d+\.\d+)-(\d+)\.json$/.exec(name);
  if (match === null) return;
  const [, member = '', text] = match;
  const round = Number(text);
  const known = rounds.get(member);
  if (known !== undefined && earlier !== undefined) append(earlier, member, Math.min(known, round));
  rounds.set(member, Math.max(known ?? 0, round));
}

/**
 * The folders of the batches that are not at their end: without a summary, or with something that a person did after
 * it. Two short listings a batch, however many keys a folder holds.
 */
export async function* unfinishedFolders(
  store: Pick<ObjectStore, 'list'>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  for await (const folder of batchFolders(store, signal))
    if (await isUnfinished(store, folder, signal)) yield folder;
}

/** The folders of all batches: a short listing each. */
export async function* batchFolders(
  store: Pick<ObjectStore, 'list'>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  for await (const folder of foldersIn(store, FOLDERS, signal)) yield `${FOLDERS}${folder}/`;
}

/**
 * Whether the store holds a batch that is not at its end. An empty Redis is taken into use on a "no": a listing that S3
 * promises would have to leave out the whole of each such batch for that to be wrong.
 */
export async function hasUnfinished(
  store: Pick<ObjectStore, 'list'>,
  signal?: AbortSignal,
): Promise<boolean> {
  for await (const _ of unfinishedFolders(store, signal)) return true;
  return false;
}

/** `folder`: of a batch. */
export async function isUnfinished(
  store: Pick<ObjectStore, 'list'>,
  folder: string,
  signal?: AbortSignal,
): Promise<boolean> {
  let endedMs: number | undefined;
  for await (const { lastModifiedMs } of store.list(`${folder}summary.json`, optional(signal))) {
    endedMs = lastModifiedMs;
  }
  if (endedMs === undefined) return true;
  const events = `${folder}events/`;
  for await (const { key, lastModifiedMs } of store.list(events, optional(signal))) {
    if (lastModifiedMs > endedMs && EVENT_NAME(key.slice(events.length))) return true;
  }
  return false;
}
