import type { Stack } from '../app/connections.ts';
import type { Connections } from '../operations/doctor/encryption.ts';
import type { Config } from '../shared/base/config.ts';
import type { Context } from './context.ts';

/** The addresses that a command connects to. The AWS SDK reads two variables of its own where `S3_ENDPOINT` is not set. */
export function connectionsOf({ environment }: Context, { s3 }: Config, stack: Stack): Connections {
  const endpoint = s3.endpoint ?? environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'];
  return {
    redisUrl: stack.redisUrl,
    s3Endpoint: stack.store.kind === 's3' ? endpoint : undefined,
    rejectUnauthorized: environment['NODE_TLS_REJECT_UNAUTHORIZED'],
  };
}
