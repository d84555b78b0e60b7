import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { ANSWER_BYTES, TooLargeObjectError } from '../../base/answer-size.ts';
import type { Config } from '../../base/config.ts';
import { UserError } from '../../base/errors.ts';
import { backoffMs, sleep, withTimeout } from '../../base/time.ts';
import {
  assertKey,
  assertMetadata,
  assertPrefix,
  IMMUTABLE,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
} from '../object-store.ts';
import { assertEtag, GarbledAnswer } from './answers.ts';
import { readBody, type SdkBody } from './body.ts';
import { openS3Client, type S3ClientOptions } from './client.ts';
import { type S3Place, statusOf, toStoreError } from './errors.ts';
import { createListing } from './listing.ts';
import { decodeMetadata, encodeMetadata } from './metadata.ts';
import { presignedGet } from './presign.ts';
import { uploadFile } from './upload.ts';

/** For one call with all its repeats; the longest is a PUT of some megabytes to a slow store. */
const OPERATION_LIMIT_MS = 120_000;
/** And a millisecond more for each so many bytes of a file: 1 MB a second, at the least. */
const FILE_BYTES_PER_MS = 1_000;
/** `409 Conflict`: two create-once writes of one key met, and S3 asks for a repeat. */
const CONFLICT_TRIES = 6;
/** The SDK repeats a call, but not the reading of a body that breaks off. */
const BODY_TRIES = 3;

/**
 * The object store in a bucket of any S3-compatible service that honours `If-None-Match: *` on PUT. Opens no
 * connection before the first call; disposing closes them. `S3_PREFIX` is put before every key here and taken off
 * again: callers never see it. Throws a `UserError` where no bucket is set.
 */
export function openS3Store(options: S3ClientOptions): ObjectStore {
  const { config } = options;
  const bucket = bucketOf(config);
  const place = placeOf(config, bucket);
  const client = openS3Client(options);

  async function put(
    key: string,
    body: Uint8Array,
    { contentType, cacheControl = IMMUTABLE, metadata = {}, signal }: PutOptions,
    condition: { IfNoneMatch?: '*' },
  ): Promise<void> {
    assertKey(key);
    assertMetadata(metadata);
    await translated(place, signal, async (limited) => {
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: `${config.prefix}${key}`,
        // Bytes, never a stream: some stores refuse streams, and only bytes can be sent again.
        Body: body,
        ContentType: contentType,
        CacheControl: cacheControl,
        Metadata: encodeMetadata(metadata),
        ...(await checksumOf(client, body)),
        ...condition,
      });
      assertEtag(await client.send(command, { abortSignal: limited }), 'a receipt of a write');
    });
  }

  return {
    location: place.location,

    put: (key, body, putOptions) => put(key, body, putOptions, {}),

    async putFile(key, file, { contentType, cacheControl = IMMUTABLE, metadata = {}, signal }) {
      assertKey(key);
      assertMetadata(metadata);
      const { size } = await stat(file);
      const params = {
        Bucket: bucket,
        Key: `${config.prefix}${key}`,
        ContentType: contentType,
        CacheControl: cacheControl,
        Metadata: encodeMetadata(metadata),
      };
      const step = (limited: AbortSignal) => uploadFile(client, file, params, limited);
      await translated(place, signal, step, OPERATION_LIMIT_MS + Math.ceil(size / FILE_BYTES_PER_MS));
    },

    async putOnce(key, body, putOptions) {
      for (let attempt = 0; ; attempt += 1) {
        try {
          await put(key, body, putOptions, { IfNoneMatch: '*' });
          return 'created';
        } catch (error) {
          const status = statusOfCause(error);
          // Also when the SDK repeated a PUT whose answer was lost, and so met its own object.
          if (status === 412) return 'exists';
          if (status !== 409 || attempt + 1 >= CONFLICT_TRIES) throw error;
          await sleep(
            backoffMs(attempt, { baseMs: 100, capMs: 2_000, random: Math.random }),
            putOptions.signal,
          );
        }
      }
    },

    async get(key, signal) {
      assertKey(key);
      return await translated(place, signal, (limited) => getWhole(`${config.prefix}${key}`, limited));
    },

    async *list(prefix, { after, pageSize, signal } = {}) {
      assertPrefix(prefix);
      const nextPage = createListing(client, {
        bucket,
        prefix: `${config.prefix}${prefix}`,
        after: after === undefined ? undefined : `${config.prefix}${after}`,
        maxKeys: pageSize,
      });
      let next: string | undefined;
      do {
        const page = await translated(place, signal, nextPage);
        for (const { key: whole, ...described } of page.objects) {
          const key = whole.slice(config.prefix.length);
          // Consoles make "folders": empty objects whose key ends in `/`. None of ours does.
          if (key === '' || key.endsWith('/')) continue;
          yield { key, ...described };
        }
        next = page.next;
      } while (next !== undefined);
    },

    urlOf(key) {
      assertKey(key);
      const full = `${config.prefix}${key}`;
      if (config.publicUrl === undefined) return `s3://${bucket}/${full}`;
      return `${config.publicUrl}/${full.split('/').map(encodeURIComponent).join('/')}`;
    },

    async presign(key, ttlS) {
      assertKey(key);
      const at = { bucket, fullKey: `${config.prefix}${key}` };
      return await translated(place, undefined, () => presignedGet(client, at, ttlS));
    },

    async check(signal) {
      // A listing, since HEAD answers carry no code that says what is wrong.
      await translated(place, signal, createListing(client, { bucket, prefix: config.prefix, maxKeys: 1 }));
    },

    async [Symbol.asyncDispose]() {
      client.destroy();
    },
  };

  async function getWhole(fullKey: string, signal: AbortSignal): Promise<StoredObject | undefined> {
    const command = new GetObjectCommand({ Bucket: bucket, Key: fullKey });
    for (let attempt = 1; ; attempt += 1) {
      let answer: GetObjectCommandOutput;
      try {
        answer = await client.send(command, { abortSignal: signal });
      } catch (error) {
        // The store's own word. A bare 404, of a proxy or a gateway, has another name and is a fault.
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
      try {
        assertEtag(answer, 'an object');
        return {
          body: await readObject(fullKey, answer, signal),
          contentType: answer.ContentType ?? 'application/octet-stream',
          metadata: decodeMetadata(answer.Metadata ?? {}),
        };
      } catch (error) {
        if (signal.aborted || attempt >= BODY_TRIES) throw error;
      }
    }
  }
}

/** Rejects with a `TooLargeObjectError` before more than is taken is in memory. */
async function readObject(
  fullKey: string,
  { Body, ContentLength = 0 }: GetObjectCommandOutput,
  signal: AbortSignal,
): Promise<Buffer> {
  // An object of no bytes has a body, too.
  if (Body === undefined) throw new GarbledAnswer('an object without a body');
  // In Node the body is a Readable; the types allow for browsers, too.
  const body = Body as unknown as SdkBody;
  const tooMany = () => new TooLargeObjectError(fullKey);
  if (ContentLength > ANSWER_BYTES.object) {
    body.destroy?.();
    throw tooMany();
  }
  return await readBody(body, signal, { maxBytes: ANSWER_BYTES.object, tooMany });
}

/** Makes the bucket of `S3_BUCKET`. For setup alone: a worker whose bucket is missing must say so instead. */
export async function createBucketIfMissing(
  options: S3ClientOptions,
  signal?: AbortSignal,
): Promise<'created' | 'exists'> {
  const bucket = bucketOf(options.config);
  const client = openS3Client(options);
  try {
    return await translated(placeOf(options.config, bucket), signal, async (limited) => {
      try {
        // An answer to HEAD has no body to look at. A stranger's 200 ends here as `exists`, and at the first listing.
        await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: limited });
        return 'exists';
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }), { abortSignal: limited });
        return 'created';
      } catch (error) {
        // Two setups at the same time.
        if (error instanceof Error && error.name === 'BucketAlreadyOwnedByYou') return 'exists';
        throw error;
      }
    });
  } finally {
    client.destroy();
  }
}

/**
 * SHA-256, computed once, also over the SDK's repeats; where it is given the SDK adds no checksum (and no trailer) of
 * its own. For stores that refuse `x-amz-checksum-*`, the SDK's own switch `AWS_REQUEST_CHECKSUM_CALCULATION=
 * WHEN_REQUIRED` leaves it out; the signature covers the bytes in any case.
 */
async function checksumOf(client: S3Client, body: Uint8Array): Promise<{ ChecksumSHA256?: string }> {
  if ((await client.config.requestChecksumCalculation()) === 'WHEN_REQUIRED') return {};
  return { ChecksumSHA256: createHash('sha256').update(body).digest('base64') };
}

/** Runs a call under the operation's time limit; the caller's abort passes with its own reason. */
async function translated<T>(
  place: S3Place,
  signal: AbortSignal | undefined,
  step: (limited: AbortSignal) => Promise<T>,
  limitMs = OPERATION_LIMIT_MS,
): Promise<T> {
  signal?.throwIfAborted();
  try {
    return await step(withTimeout(signal, limitMs));
  } catch (error) {
    signal?.throwIfAborted();
    throw toStoreError(place, error);
  }
}

function statusOfCause(error: unknown): number | undefined {
  return error instanceof Error ? statusOf(error.cause) : undefined;
}

function bucketOf({ bucket }: Config['s3']): string {
  if (bucket !== undefined) return bucket;
  throw new UserError('bad_settings', 'No bucket is named: set S3_BUCKET.');
}

function placeOf({ prefix, endpoint }: Config['s3'], bucket: string): S3Place {
  return { location: `s3://${bucket}/${prefix}`, bucket, endpoint };
}
