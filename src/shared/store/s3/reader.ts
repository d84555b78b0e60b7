import { GetObjectCommand } from '@aws-sdk/client-s3';
import { UserError } from '../../base/errors.ts';
import { assertEtag } from './answers.ts';
import { openS3Client, type S3ClientOptions } from './client.ts';
import { type S3Place, statusOf, toStoreError } from './errors.ts';

export interface S3Address {
  readonly bucket: string;
  readonly key: string;
}

/** `s3://bucket/key`, taken apart; undefined for any other text. Throws a `UserError` where a part is missing. */
export function parseS3Address(text: string): S3Address | undefined {
  if (!/^s3:\/\//i.test(text)) return undefined;
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.*[^/])$/i.exec(text);
  if (match === null) {
    throw new UserError('usage', `${text} is no address of an object: write s3://bucket/folder/list.csv.`);
  }
  const [, bucket = '', key = ''] = match;
  return { bucket, key };
}

/**
 * The bytes of any object, as a stream, with the endpoint, region and credentials of the store: a person's list, which
 * need not lie in the store's own bucket. Throws a `UserError` where there is no such object or no right to it. The
 * connection closes with the stream, also when its reader stops early or the signal aborts.
 */
export async function* readS3Object(
  { bucket, key }: S3Address,
  options: S3ClientOptions,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const address = `s3://${bucket}/${key}`;
  const place: S3Place = { location: address, bucket, endpoint: options.config.endpoint };
  const client = openS3Client(options);
  try {
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), {
      ...(signal === undefined ? {} : { abortSignal: signal }),
    });
    assertEtag(answer, 'an object');
    // In Node the body is a Readable; the types allow for browsers, too.
    yield* answer.Body as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    signal?.throwIfAborted();
    throw readFault(place, error);
  } finally {
    client.destroy();
  }
}

function readFault(place: S3Place, error: unknown): Error {
  const { location, bucket } = place;
  const name = error instanceof Error ? error.name : '';
  if (name === 'NoSuchKey' || (name !== 'NoSuchBucket' && statusOf(error) === 404)) {
    return new UserError('bad_list', `There is no list ${location}; check its bucket and key.`, {
      cause: error,
    });
  }
  if (name === 'NoSuchBucket') {
    return new UserError('bad_list', `There is no bucket ${bucket}; check the address ${location}.`, {
      cause: error,
    });
  }
  if (name === 'AccessDenied') {
    return new UserError(
      'store_denied',
      `The S3 credentials may not read ${location}: they need s3:GetObject there (and s3:ListBucket, to tell a list that is missing from one that is forbidden).`,
      { cause: error },
    );
  }
  return toStoreError(place, error);
}
