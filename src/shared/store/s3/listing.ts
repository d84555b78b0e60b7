import { ListObjectsV2Command, type ListObjectsV2CommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { compareUtf8 } from '../../base/utf8-order.ts';
import type { ListedObject } from '../object-store.ts';
import { GarbledAnswer } from './answers.ts';
import { readShortBody, type SdkBody } from './body.ts';
import { statusOf } from './errors.ts';

export interface ListingQuery {
  readonly bucket: string;
  /** Whole keys start with it: `S3_PREFIX` is a part of it. */
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly maxKeys?: number | undefined;
}

/** One page of a listing, looked at as a whole before anybody sees a key of it. */
export interface ListingPage {
  readonly objects: readonly ListedObject[];
  /** undefined: this is the last page. */
  readonly next: string | undefined;
}

/**
 * A listing, page by page. "Nothing there" costs money here (a picture that is not listed is paid for), so a page counts
 * only if it is a `ListBucketResult` of this prefix that says whether it goes on and where, and if its keys lie under the
 * prefix, in ascending order, behind those of the page before. Each `next()` rejects with a `GarbledAnswer` otherwise.
 */
export function createListing(client: S3Client, { bucket, prefix, after, maxKeys }: ListingQuery) {
  const tokens = new Set<string>();
  let last = after ?? '';
  let token: string | undefined;

  return async (signal: AbortSignal): Promise<ListingPage> => {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      ...(maxKeys === undefined ? {} : { MaxKeys: maxKeys }),
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(token === undefined && after !== undefined ? { StartAfter: after } : {}),
    });
    refuseOtherDocuments(command);
    const page = unescaped(await sent(client, command, signal), prefix);
    if ((page.Prefix ?? '') !== prefix) throw new GarbledAnswer('a listing of another prefix');
    const objects = (page.Contents ?? []).map(objectOf);
    if (page.KeyCount !== undefined && page.KeyCount > objects.length)
      throw new GarbledAnswer('a listing that lacks some of the keys that it counts');
    for (const { key } of objects) {
      if (!key.startsWith(prefix)) throw new GarbledAnswer('a listing with a key of another prefix');
      // A store that starts again at the first page, or ignores `StartAfter`, would be read for ever or counted twice.
      if (compareUtf8(key, last) <= 0) throw new GarbledAnswer('a listing whose keys are not in order');
      last = key;
    }
    token = nextToken(page);
    if (token !== undefined && tokens.has(token))
      throw new GarbledAnswer('a listing that goes on where it was before');
    if (token !== undefined) tokens.add(token);
    return { objects, next: token };
  };
}

async function sent(client: S3Client, command: ListObjectsV2Command, signal: AbortSignal) {
  try {
    return await client.send(command, { abortSignal: signal });
  } catch (error) {
    const status = statusOf(error);
    if (error instanceof GarbledAnswer || status === undefined || status >= 300) throw error;
    // The SDK's reader fails on what breaks off, or is no XML, with an error that names neither.
    throw new GarbledAnswer('a listing that cannot be read', { cause: error });
  }
}

/**
 * Looks at the body before the SDK does. To the SDK an empty body, and a document of any other name, is a listing of
 * nothing: `deserializeResponse` of `@smithy/core` skips a body of no bytes, and its XML reader drops the root's name.
 */
function refuseOtherDocuments(command: ListObjectsV2Command): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // The HTTP handler's own response, whose type the SDK leaves open.
      const response = result.response as { statusCode: number; body: Uint8Array | SdkBody };
      if (response.statusCode < 200 || response.statusCode >= 300) return result;
      const body = await readShortBody(response.body);
      response.body = body;
      const root = /<([A-Za-z][\w:.-]*)/.exec(Buffer.from(body.subarray(0, 4_096)).toString('utf8'))?.[1];
      // The SDK gives an error under a 200 the meaning that it has under its own status.
      if (root === 'ListBucketResult' || root === 'Error') return result;
      throw new GarbledAnswer(
        body.length === 0 ? 'an empty body for a listing' : 'a page that is no listing',
      );
    },
    // Behind the SDK's own reader, which has no such priority: nearer to the wire.
    { step: 'deserialize', priority: 'low', name: 'refuseOtherDocuments' },
  );
}

/** Some stores escape keys although nobody asked for it, and say so; of the prefix they differ (Ceph's leaves it). */
function unescaped(page: ListObjectsV2CommandOutput, prefix: string): ListObjectsV2CommandOutput {
  if (page.EncodingType !== 'url') return page;
  const decoded = (text: string | undefined) => text && decodeURIComponent(text.replaceAll('+', ' '));
  return {
    ...page,
    Prefix: page.Prefix === prefix ? prefix : decoded(page.Prefix),
    Contents: page.Contents?.map((one) => ({ ...one, Key: decoded(one.Key) })),
  };
}

/** Each of these is promised for every key; a rebuild reads times, `reconcile` too. */
function objectOf({ Key, Size, LastModified }: NonNullable<ListObjectsV2CommandOutput['Contents']>[number]) {
  const lastModifiedMs = LastModified?.getTime() ?? Number.NaN;
  if (Key === undefined || Key === '' || Size === undefined || Number.isNaN(lastModifiedMs))
    throw new GarbledAnswer('a listing with an entry that lacks its key, size or time');
  return { key: Key, sizeBytes: Size, lastModifiedMs };
}

function nextToken({ IsTruncated, NextContinuationToken }: ListObjectsV2CommandOutput): string | undefined {
  if (IsTruncated === undefined)
    throw new GarbledAnswer('a listing that does not say whether it is at its end');
  if (!IsTruncated) return undefined;
  if (NextContinuationToken === undefined || NextContinuationToken === '')
    throw new GarbledAnswer('a listing that goes on, but does not say where');
  return NextContinuationToken;
}
