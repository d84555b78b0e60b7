import { createHash } from 'node:crypto';

/**
 * Every name that lasts: object keys, record keys, shot keys, job ids. Names made of a person's words (ids, batch
 * names) are encoded injectively: what differs in case, Unicode form, `/` or length never shares a key, nor a file on
 * a disk that ignores case.
 */

const PLAIN_SEGMENT = /^[a-z0-9][a-z0-9._-]{0,62}$/;
/** Device names that Windows refuses as file names, whatever their ending. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * One path segment for any text. Plain lower-case names stay as they are; every other text is made readable and ends
 * in `~` and 60 bits of the hash of its exact bytes (`TEE-001` becomes `TEE-001~…`), which no plain name can hold.
 */
export function encodeSegment(text: string): string {
  if (PLAIN_SEGMENT.test(text) && !text.endsWith('.') && !RESERVED.test(text)) return text;
  const readable = text.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 40);
  return `${readable}~${hash(text, 12)}`;
}

/** Whether Windows takes a file of that name, whatever its ending, for a device. */
export function isDeviceName(text: string): boolean {
  return RESERVED.test(text);
}

/** 5 bits a character, digits and lower-case letters; safe on a disk that ignores case. */
function hash(text: string, characters: number): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  const digest = createHash('sha256').update(text).digest();
  return Array.from({ length: characters }, (_, index) => alphabet[(digest[index] ?? 0) & 31]).join('');
}

/** What decides which picture it is: two shots with the same key want the same pictures. */
export interface ShotIdentity {
  readonly id: string;
  readonly model: string;
  readonly prompt: string;
  /** The model's inputs that change the picture (size, quality, …), and the hashes of image inputs. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  readonly take: number;
}

/** 128 bits in hex. Not of variants, recipe or batch: these do not change the picture. */
export function shotKeyOf({ id, model, prompt, options, take }: ShotIdentity): string {
  const canonical = JSON.stringify(['shot-1', id, model, prompt, sortedEntries(options), take]);
  return createHash('sha256').update(canonical).digest('hex').slice(0, 32);
}

/** 128 bits in hex of what two requests have in common that fal's history may not tell apart. */
export function rivalHashOf(endpoint: string, prompt: string, images: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify(['rival-1', endpoint, prompt, images]))
    .digest('hex')
    .slice(0, 32);
}

/** 48 bits in hex that tell one key of fal's from another, and nothing about it. */
export function keyMarkOf(key: string): string {
  return createHash('sha256').update(`fal key ${key}`).digest('hex').slice(0, 12);
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A request's name: the batch, the row of the list (from 0), the part of the row's plan (from 0). */
export interface RequestName {
  readonly batch: string;
  readonly row: number;
  readonly part: number;
}

export function requestKeyOf({ batch, row, part }: RequestName): string {
  return `${batch}.${row}.${part}`;
}

/** Whether two objects of the journal speak of the same round of the same request. */
export function isSameRound(a: RequestName & { round: number }, b: RequestName & { round: number }): boolean {
  return a.batch === b.batch && a.row === b.row && a.part === b.part && a.round === b.round;
}

/** undefined where the text is no request key. A batch id may itself hold dots. */
export function parseRequestKey(text: string): RequestName | undefined {
  const match = /^(.+)\.(\d{1,9})\.(\d{1,4})$/.exec(text);
  if (match === null) return undefined;
  return { batch: match[1] ?? '', row: Number(match[2]), part: Number(match[3]) };
}

/** Raised rounds make new job ids, since BullMQ silently ignores an id that still exists (MEASURED.md). */
export function jobIdOf(request: string, round: number): string {
  return `${request}-${round}`;
}

/** undefined where the text is no job id of ours. */
export function parseJobId(id: string): (RequestName & { readonly round: number }) | undefined {
  const match = /^(.+)-(\d{1,9})$/.exec(id);
  const name = match === null ? undefined : parseRequestKey(match[1] ?? '');
  return name === undefined ? undefined : { ...name, round: Number(match?.[2]) };
}

export const MAX_BATCH_ID = 63;

/** The id of a batch that is made of another one: cut before the end, which has a hash of all of it. */
export function derivedBatchId(batch: string, end: string): string {
  return `${batch.slice(0, MAX_BATCH_ID - end.length)}${end}`;
}

/** Why a text cannot name a batch, or undefined where it can. No `:` (BullMQ's separator), no `/`. */
export function batchIdFault(text: string): string | undefined {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) {
    return 'a batch id has 1 to 63 letters, digits, ".", "_" or "-", and starts with a letter or a digit';
  }
  if (text.toLowerCase() === 'originals')
    return '"originals" is where the pictures are kept; choose another batch id';
  return undefined;
}

export const ORIGINALS = 'originals/';
export const JOURNAL = '_shotlist/';

export const objectKeys = {
  originals: (shotKey: string) => `${ORIGINALS}${shotKey}/`,
  /** `nth`: 2 is the picture that came after the first one was damaged, and so on. */
  original: (shotKey: string, index: number, extension: string, nth = 1) =>
    `${ORIGINALS}${shotKey}/${index}${ofNth(nth)}.${extension}`,
  /** fal was paid for this picture, which cannot be had yet. */
  paid: (shotKey: string, index: number, requestId: string) =>
    `${ORIGINALS}${shotKey}/${index}.paid.${encodeSegment(requestId)}.json`,
  /** The picture of that request is gone for good. */
  gone: (shotKey: string, index: number, requestId: string) =>
    `${ORIGINALS}${shotKey}/${index}.gone.${encodeSegment(requestId)}.json`,
  /** The `nth` picture of the variant cannot be decoded. */
  damaged: (shotKey: string, index: number, nth: number) =>
    `${ORIGINALS}${shotKey}/${index}${ofNth(nth)}.damaged.json`,
  rendition: (batch: string, shot: string, index: number, rendition: string, extension: string) =>
    `${encodeSegment(batch)}/${encodeSegment(shot)}/${index}-${rendition}.${extension}`,
  /** Under a name that a person's template gave it, made safe by `rendition-names.ts`. */
  named: (batch: string, name: string) => `${encodeSegment(batch)}/${name}`,
  /** Beside the folders of the batch's shots. An object's name never meets a folder's, in the folder store either. */
  manifest: (batch: string, format: 'jsonl' | 'csv') => `${encodeSegment(batch)}/manifest.${format}`,
  batchFolder: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/`,
  head: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/head.json`,
  planChunk: (batch: string, chunk: number) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/plan/${String(chunk).padStart(6, '0')}.jsonl.gz`,
  intents: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/intents/`,
  intent: ({ batch, row, part }: RequestName, round: number) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/intents/${row}.${part}-${round}.json`,
  deliveries: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/delivered/`,
  delivery: ({ batch, row, part }: RequestName) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/delivered/${row}.${part}.json`,
  failures: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/failed/`,
  failure: ({ batch, row, part }: RequestName, round: number) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/failed/${row}.${part}-${round}.json`,
  events: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/events/`,
  event: (batch: string, at: number, id: string) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/events/${String(at).padStart(14, '0')}-${id}.json`,
  /** Listed beside the intents: which rounds have an id of fal's. */
  roundsHave: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/rounds/`,
  /** Without the id in its name, so that a second one for the same round is refused. */
  roundHas: ({ batch, row, part }: RequestName, round: number, nth: number) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/rounds/${row}.${part}-${round}.${nth}.json`,
  /** As versions before `roundHas` named it. */
  roundIds: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/ids/`,
  roundId: ({ batch, row, part }: RequestName, round: number, requestId: string) =>
    `${JOURNAL}batches/${encodeSegment(batch)}/ids/${row}.${part}-${round}.${encodeSegment(requestId)}.json`,
  summary: (batch: string) => `${JOURNAL}batches/${encodeSegment(batch)}/summary.json`,
  id: (requestId: string) => `${JOURNAL}ids/${encodeSegment(requestId)}.json`,
  result: (requestId: string) => `${JOURNAL}results/${encodeSegment(requestId)}.json`,
  /** A Redis from its first use, or its rebuild, to its loss; named by the time of its beginning. */
  lives: `${JOURNAL}redis/`,
  life: (life: string) => `${JOURNAL}redis/${life}.json`,
  /** How far a Redis had come when a worker last wrote it down. */
  mark: (life: string) => `${JOURNAL}marks/${life}.json`,
  /** What a person did to all batches at once. */
  houseEvents: `${JOURNAL}events/`,
  houseEvent: (at: number, id: string) => `${JOURNAL}events/${String(at).padStart(14, '0')}-${id}.json`,
  ledger: `${JOURNAL}ledger/`,
  ledgerDay: (day: string) => `${JOURNAL}ledger/${day}/`,
  /** Corrections of the ledger by fal's bill; named like its entries, with a number before. */
  adjustments: `${JOURNAL}adjustments/`,
  adjustmentDay: (day: string) => `${JOURNAL}adjustments/${day}/`,
  /** Which batch a list of that name was last, and before. */
  catalog: (catalog: string) => `${JOURNAL}catalogs/${encodeSegment(catalog)}/`,
  catalogEntry: (
    catalog: string,
    { batch, at, prune }: { readonly batch: string; readonly at: number; readonly prune: boolean },
  ) =>
    `${JOURNAL}catalogs/${encodeSegment(catalog)}/${String(at).padStart(14, '0')}-${prune ? 'prune' : 'keep'}-${encodeSegment(batch)}.json`,
  /** Pictures that a person had made anew or picked again, by the shot key of their take 0. */
  takes: `${JOURNAL}takes/`,
  take: (shotKey: string, at: number, id: string) =>
    `${JOURNAL}takes/${shotKey}/${String(at).padStart(14, '0')}-${id}.json`,
  /** A recipe of a person's own, by name and hash. */
  recipe: (planned: string) => `${JOURNAL}recipes/${encodeSegment(planned)}.json`,
  schedules: `${JOURNAL}schedules/`,
  scheduleEvents: (name: string) => `${JOURNAL}schedules/${encodeSegment(name)}/events/`,
  scheduleEvent: (name: string, at: number, id: string) =>
    `${JOURNAL}schedules/${encodeSegment(name)}/events/${String(at).padStart(14, '0')}-${id}.json`,
  scheduleRuns: (name: string) => `${JOURNAL}schedules/${encodeSegment(name)}/runs/`,
  /** By the time at which it was due, so that a run that fires twice has one. */
  scheduleRun: (name: string, dueMs: number) =>
    `${JOURNAL}schedules/${encodeSegment(name)}/runs/${String(dueMs).padStart(14, '0')}.json`,
  orphans: `${JOURNAL}orphans/`,
  orphan: (requestId: string) => `${JOURNAL}orphans/${encodeSegment(requestId)}.json`,
} as const;

function ofNth(nth: number): string {
  return nth === 1 ? '' : `.${nth}`;
}
