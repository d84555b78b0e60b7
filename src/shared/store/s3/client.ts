import { S3Client } from '@aws-sdk/client-s3';
import type { Config } from '../../base/config.ts';
import type { Logger } from '../../base/log.ts';
import { readShortBody, type SdkBody } from './body.ts';

export interface S3ClientOptions {
  readonly config: Config['s3'];
  /** Default: the AWS SDK's own chain (environment, profile, role). */
  readonly credentials?: S3Credentials;
  readonly log: Logger;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Opens no connection before the first call; whoever opens it destroys it. */
export function openS3Client({ config, credentials, log }: S3ClientOptions): S3Client {
  // Stores other than AWS mostly ignore the region, but the signature needs one.
  const region = config.region ?? (config.endpoint === undefined ? undefined : 'us-east-1');
  const client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(config.endpoint === undefined ? {} : { endpoint: config.endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: config.forcePathStyle,
    // Two quick repeats of 5xx, throttling and broken connections; longer outages are the callers' to wait out, who
    // see an UnavailableError. A repeat of a create-once PUT is harmless: at worst it answers `exists`.
    maxAttempts: 3,
    retryMode: 'standard',
    // It would open a connection of its own for every PUT above 2 MB and wait for stores that never answer it.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: 60_000,
      throwOnRequestTimeout: true,
      // Ends a connection on which nothing moves, also in the middle of a body.
      socketTimeout: 30_000,
      // Far above what a worker has in flight: a call that waits for a socket uses up its request time.
      httpAgent: { keepAlive: true, maxSockets: 128 },
      httpsAgent: { keepAlive: true, maxSockets: 128 },
    },
    // Below warn the SDK logs inputs, bodies included.
    logger: {
      trace: () => undefined,
      debug: () => undefined,
      info: () => undefined,
      warn: (...parts: unknown[]) => log.warn({ detail: parts.map(String).join(' ') }, 'S3 client warns'),
      error: (...parts: unknown[]) => log.debug({ detail: parts.map(String).join(' ') }, 'S3 client error'),
    },
  });
  boundAnswers(client);
  return client;
}

/** The SDK reads all that is no object by itself, errors and receipts too, and counts nothing. */
function boundAnswers(client: S3Client): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        // The HTTP handler's own response, whose type the SDK leaves open.
        const response = result.response as { statusCode: number; body: Uint8Array | SdkBody };
        const isObject = commandName === 'GetObjectCommand' && response.statusCode < 300;
        if (!isObject) response.body = await readShortBody(response.body);
        return result;
      },
    // Behind the SDK's own reader, which has no such priority: nearer to the wire.
    { step: 'deserialize', priority: 'low', name: 'boundAnswers' },
  );
}
