/**
 * The durable memory: originals, renditions, the journal. Two stores speak this interface, S3 (`s3-store.ts`) and a
 * folder of plain files (`local/folder-store.ts`); one contract suite runs on both (`test/support/store-contract.ts`).
 *
 * Every method rejects with `UnavailableError` when the store cannot be reached, is overloaded, or answers what its
 * protocol does not promise (the same call may be repeated), with `UserError` when a person must mend something (no
 * such bucket, wrong credentials, no right), and with the signal's reason when the signal aborts. "Nothing there" is
 * an answer that the store gave: silence, a stranger's page or half a listing never becomes it.
 */
export interface ObjectStore {
  /** Where it is, for people: `s3://bucket/prefix` or a folder. Holds no secret. */
  readonly location: string;

  /** Writes, whether or not the key exists. Rejects with a RangeError on a key that `assertKey` refuses. */
  put(key: string, body: Uint8Array, options: PutOptions): Promise<void>;

  /** `put` of a file's bytes, in flat memory whatever its size. The file must not change meanwhile. */
  putFile(key: string, file: string, options: PutOptions): Promise<void>;

  /**
   * Writes only where nothing is: exactly one of any number of racing writers gets `created`. A repeat after a lost
   * answer (the SDK makes such repeats by itself) gets `exists` for its own object: read back and compare where it
   * matters who wrote.
   */
  putOnce(key: string, body: Uint8Array, options: PutOptions): Promise<'created' | 'exists'>;

  /** undefined where there is no such key. Rejects with a `TooLargeObjectError` where the object has over `ANSWER_BYTES.object`. */
  get(key: string, signal?: AbortSignal): Promise<StoredObject | undefined>;

  /** All keys that start with the prefix, in ascending order of their UTF-8 bytes; pages are fetched as they are consumed. */
  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject>;

  /** The address under which a person or a shop finds the object: under `S3_PUBLIC_URL`, else its file's path or `s3://` name. */
  urlOf(key: string): string;

  /**
   * An address that gives the object to whoever has it, for `ttlS` seconds and no longer: a secret. Asks nobody, and so
   * does not look whether the object is there. Rejects with a `UserError` where the store has no such addresses.
   */
  presign(key: string, ttlS: number): Promise<string>;

  /** Resolves when the store exists and answers; rejects with the sentence that says what is wrong. */
  check(signal?: AbortSignal): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface PutOptions {
  readonly contentType: string;
  /** Lower-case names (letters, digits, `-`); any text as a value. Becomes `x-amz-meta-*`, about 2 KB in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** For who reads S3 over HTTP. Default: immutable for a year, right for objects whose key never gets other bytes. */
  readonly cacheControl?: string;
  readonly signal?: AbortSignal;
}

export interface StoredObject {
  readonly body: Buffer;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ListedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly lastModifiedMs: number;
}

export interface ListOptions {
  /** Start behind this key. */
  readonly after?: string;
  /** The most keys that the store is asked for at once. Default: its own, mostly 1,000. A folder has no pages. */
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}

export const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * A key is at most 1,024 bytes of `/`-separated, non-empty segments, none of them `.` or `..`, without control
 * characters, backslashes or half characters (lone surrogates). Throws a RangeError otherwise: a key is made by this
 * program, so a bad one is a bug.
 */
export function assertKey(key: string): void {
  const bad =
    key.length === 0 ||
    Buffer.byteLength(key) > 1024 ||
    UNFIT.test(key) ||
    key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad) throw new RangeError(`not a valid object key: ${JSON.stringify(key)}`);
}

/** A prefix is empty, or the start of a key: of whole segments (`a/`) or not (`a/1`). Throws a RangeError otherwise. */
export function assertPrefix(prefix: string): void {
  const segments = prefix.split('/');
  const bad =
    Buffer.byteLength(prefix) > 1024 ||
    UNFIT.test(prefix) ||
    segments.slice(0, -1).some((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad) throw new RangeError(`not a valid prefix of object keys: ${JSON.stringify(prefix)}`);
}

/** What HTTP headers can carry as names, without a doubt about their case. Throws a RangeError otherwise. */
export function assertMetadata(metadata: Readonly<Record<string, string>>): void {
  const bad = Object.keys(metadata).find((name) => !/^[a-z0-9-]{1,64}$/.test(name));
  if (bad !== undefined) throw new RangeError(`not a name for metadata: ${JSON.stringify(bad)}`);
}

/** Control characters, backslashes, lone surrogates, and the two non-characters that XML listings cannot carry. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this refuses
const UNFIT = /[\u0000-\u001f\u007f\\\ufffe\uffff]|\p{Surrogate}/u;
