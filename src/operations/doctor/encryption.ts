import { isIP } from 'node:net';
import { isLoopback } from '../../shared/base/addresses.ts';
import { isGlobal } from '../../shared/base/global-address.ts';
import { type Check, type Finding, ok, sentenceOf, warning } from './check.ts';

/** What connections a worker opens, as far as it decides who can read them. */
export interface Connections {
  /** undefined: the embedded one. */
  readonly redisUrl: string | undefined;
  /** undefined: AWS by itself, which is https, or a folder. */
  readonly s3Endpoint: string | undefined;
  /** `NODE_TLS_REJECT_UNAUTHORIZED`: at `0` Node takes any certificate. */
  readonly rejectUnauthorized: string | undefined;
}

export function encryptionCheck(connections: Connections): Check {
  return {
    name: 'encryption',
    whenFailed: 'warning',
    mend: 'Correct REDIS_URL and S3_ENDPOINT.',
    async look() {
      const found = openConnections(connections);
      if (found.length === 0) return ok('No connection leaves a private network unencrypted.');
      return warning(found.map(({ message }) => message).join(' '), found.map(({ mend }) => mend).join(' '));
    },
  };
}

/** The sentences for a worker's log. */
export function encryptionWarnings(connections: Connections): readonly string[] {
  return openConnections(connections).map(sentenceOf);
}

function openConnections({ redisUrl, s3Endpoint, rejectUnauthorized }: Connections): readonly Finding[] {
  const redis = plainHost(redisUrl, 'redis:');
  const s3 = plainHost(s3Endpoint, 'http:');
  return [
    ...(redis === undefined
      ? []
      : [
          warning(
            `REDIS_URL reaches ${redis} by redis://, so everybody on the way can read the password and change the records.`,
            'Use rediss://, or a private network.',
          ),
        ]),
    ...(s3 === undefined
      ? []
      : [
          warning(
            `The S3 endpoint ${s3} is reached by http://, so everybody on the way can read prompts and change pictures.`,
            'Use https://, or a private network.',
          ),
        ]),
    ...(rejectUnauthorized === '0'
      ? [
          warning(
            'NODE_TLS_REJECT_UNAUTHORIZED is 0, so any server can pass for fal, and reads FAL_KEY.',
            'Unset it; name an authority of your own by NODE_EXTRA_CA_CERTS.',
          ),
        ]
      : []),
  ];
}

/** The host of an address of this protocol, if it may be outside of a private network. */
function plainHost(address: string | undefined, protocol: 'redis:' | 'http:'): string | undefined {
  if (address === undefined || !URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === protocol && !isPrivateHost(url.hostname) ? url.hostname : undefined;
}

/** Names are not looked up: one of a single label, as compose gives them, and those that are never public. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  if (isLoopback(host)) return true;
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0) return !isGlobal(address);
  return !host.includes('.') || /\.(local|internal|localhost)$/.test(host);
}
