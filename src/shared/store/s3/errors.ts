import { TooLargeObjectError } from '../../base/answer-size.ts';
import { errorCodes, messageOf, UnavailableError, UserError } from '../../base/errors.ts';
import { GarbledAnswer } from './answers.ts';

/** What a sentence about a failed call may name. No secret among them. */
export interface S3Place {
  /** `s3://bucket/prefix`. */
  readonly location: string;
  readonly bucket: string;
  /** undefined: AWS itself. */
  readonly endpoint: string | undefined;
}

/** The HTTP status of S3's answer; undefined where none came. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/**
 * S3's answers and the network's as the house's errors: what a person must mend is a `UserError` with the sentence
 * that says how, everything else an `UnavailableError`. The SDK's own message is not repeated: it can quote what was
 * signed.
 */
export function toStoreError(place: S3Place, error: unknown): Error {
  if (error instanceof UserError || error instanceof UnavailableError) return error;
  if (error instanceof TooLargeObjectError) return error;
  const codes = errorCodes(error);
  const fault = FAULTS.find(({ when }) => codes.some((code) => when.test(code)));
  if (fault !== undefined) return new UserError(fault.code, fault.say(place), { cause: error });

  // The SDK throws a plain Error here.
  if (messageOf(error) === 'Region is missing') {
    return new UserError('store_region', 'No S3 region is named: set S3_REGION.', { cause: error });
  }

  const where = place.endpoint === undefined ? 'S3' : `S3 at ${place.endpoint}`;
  if (error instanceof GarbledAnswer) {
    return new UnavailableError(
      's3',
      `${where} answered with ${error.message}, which says nothing about what ${place.location} holds; look for a proxy or a cache in front of it, then run this again.`,
      { cause: error },
    );
  }
  const status = statusOf(error);
  const code = codes[0] ?? 'unknown error';
  if (status === 501 || status === 405) {
    return new UserError(
      'store_unfit',
      `${where} does not support what Shotlist needs (${code}): use a store that honours "If-None-Match: *" on PUT, such as AWS S3, MinIO, Ceph or Cloudflare R2.`,
      { cause: error },
    );
  }
  if (status === 403) return new UserError('store_denied', denied(place), { cause: error });
  const answer = status === undefined ? 'did not answer' : `answered ${status}`;
  return new UnavailableError('s3', `${where} ${answer} (${code}).`, { cause: error });
}

interface Fault {
  readonly when: RegExp;
  readonly code: string;
  readonly say: (place: S3Place) => string;
}

const denied = ({ location }: S3Place) =>
  `The S3 credentials may not use ${location}: they need s3:GetObject, s3:PutObject and s3:ListBucket there.`;

const FAULTS: readonly Fault[] = [
  {
    when: /^NoSuchBucket$/,
    code: 'store_missing',
    say: ({ bucket }) =>
      `There is no bucket ${bucket}: create it (node scripts/create-bucket.mjs), or mend S3_BUCKET and S3_ENDPOINT.`,
  },
  { when: /^(AccessDenied|AllAccessDisabled|AccountProblem)$/, code: 'store_denied', say: denied },
  {
    when: /^SignatureDoesNotMatch$/,
    code: 'store_credentials',
    say: ({ location }) =>
      `S3 refused the signature for ${location}: AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID, or S3_REGION is wrong.`,
  },
  {
    when: /^InvalidAccessKeyId$/,
    code: 'store_credentials',
    say: ({ location }) =>
      `S3 does not know the access key used for ${location}: mend AWS_ACCESS_KEY_ID or S3_ENDPOINT.`,
  },
  {
    when: /^(ExpiredToken|InvalidToken|TokenRefreshRequired)$/,
    code: 'store_credentials',
    say: () => 'The S3 credentials have expired: get new ones, then start again.',
  },
  {
    when: /^(CredentialsProviderError|TokenProviderError)$/,
    code: 'store_credentials',
    say: () =>
      'There are no S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or another source that the AWS SDK reads.',
  },
  {
    when: /^RequestTimeTooSkewed$/,
    code: 'store_clock',
    say: () => "This machine's clock and S3's differ by more than 15 minutes: set the clock (NTP).",
  },
  {
    when: /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/,
    code: 'store_region',
    say: ({ bucket }) => `The bucket ${bucket} is in another region: mend S3_REGION.`,
  },
  {
    when: /^(BucketAlreadyExists)$/,
    code: 'store_taken',
    say: ({ bucket }) => `The bucket name ${bucket} belongs to someone else: choose another S3_BUCKET.`,
  },
  {
    when: /^(QuotaExceeded|XMinioStorageFull|InsufficientStorage)$/,
    code: 'store_full',
    say: ({ location }) => `${location} is full: make room there, then start again.`,
  },
  {
    when: /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|EPROTO|ERR_SSL)/,
    code: 'store_tls',
    say: ({ endpoint }) =>
      `No secure connection to ${endpoint ?? 'S3'}: its certificate is not trusted (NODE_EXTRA_CA_CERTS names further authorities), or it speaks plain http.`,
  },
];
