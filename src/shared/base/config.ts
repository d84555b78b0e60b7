import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { isLoopback } from './addresses.ts';
import { UserError } from './errors.ts';
import { type MicroUsd, parseUsd } from './money.ts';

/** All settings, read from the environment once, by an entry point. Every bad one is named in one error. */
export interface Config {
  readonly fal: {
    readonly key: string | undefined;
    readonly adminKey: string | undefined;
    readonly queueUrl: string;
    readonly apiUrl: string;
    /** Hosts (`name` or `name:port`, `*.` for any subdomain) that images may be fetched from. */
    readonly mediaHosts: readonly string[];
    /** How long a paid picture that cannot be had is asked for again before its request fails. */
    readonly mediaPatienceS: number;
    readonly concurrency: number;
    readonly submitRate: { readonly max: number; readonly durationMs: number };
    readonly startTimeoutS: number;
    /** undefined: by the model's longest run. */
    readonly unknownMarginS: number | undefined;
  };
  readonly redis: { readonly url: string | undefined; readonly prefix: string };
  readonly s3: {
    readonly endpoint: string | undefined;
    readonly region: string | undefined;
    readonly bucket: string | undefined;
    readonly prefix: string;
    readonly forcePathStyle: boolean;
    readonly publicUrl: string | undefined;
  };
  readonly caps: { readonly daily: MicroUsd | undefined; readonly monthly: MicroUsd | undefined };
  /** So many failures in a row with one code hold their batch; 0: never. */
  readonly stopAfterFailures: number;
  readonly confirmOver: MicroUsd;
  /** Of a list, unpacked. */
  readonly listMaxBytes: number;
  readonly renderConcurrency: number;
  readonly recordTtlH: number;
  /** Endpoint id or alias, as it is written. */
  readonly defaultModel: string | undefined;
  readonly webhookSecret: string | undefined;
  /** Hosts that a webhook may go to though they are not in the open net. */
  readonly webhookHosts: readonly string[];
  readonly scheduleKey: string | undefined;
  /** An absolute path. */
  readonly scheduleFolder: string | undefined;
  readonly log: { readonly level: string; readonly format: 'json' | 'pretty' | undefined };
  readonly healthHost: string;
  readonly healthPort: number | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The documentation's table (docs/settings.md) is tested against these names and defaults. */
export const SETTINGS = {
  FAL_KEY: { default: undefined, meaning: 'the key that pays for the images' },
  FAL_ADMIN_KEY: { default: undefined, meaning: 'a key that may read billing events' },
  FAL_QUEUE_URL: { default: 'https://queue.fal.run', meaning: "fal's queue" },
  FAL_API_URL: { default: 'https://api.fal.ai', meaning: "fal's platform API" },
  FAL_MEDIA_HOSTS: {
    default: 'fal.media,*.fal.media',
    meaning: 'hosts that images may be fetched from; plain http only for a loopback host named here',
  },
  MEDIA_PATIENCE_S: {
    default: '600',
    meaning: 'how long a paid picture that cannot be had is asked for again before its request fails',
  },
  FAL_CONCURRENCY: { default: '2', meaning: 'requests in flight over all workers' },
  FAL_SUBMIT_RATE: { default: '10/s', meaning: 'submits over all workers, per s, m or h' },
  FAL_START_TIMEOUT_S: { default: '600', meaning: 'a request that fal has not started by then never starts' },
  FAL_UNKNOWN_MARGIN_S: {
    default: undefined,
    meaning:
      'longest run and list lag, before a lost submit counts as absent; default: by the model, 300 at least',
  },
  REDIS_URL: { default: undefined, meaning: 'redis:// or rediss://' },
  REDIS_PREFIX: {
    default: '{shotlist}',
    meaning: 'start of every Redis key; the braces keep them in one slot',
  },
  S3_ENDPOINT: { default: undefined, meaning: 'for stores other than AWS' },
  S3_REGION: { default: undefined, meaning: 'region of the bucket' },
  S3_BUCKET: { default: undefined, meaning: 'the bucket; only setup creates it' },
  S3_PREFIX: { default: '', meaning: 'start of every object key' },
  S3_FORCE_PATH_STYLE: {
    default: undefined,
    meaning: 'true for stores without bucket host names; default: true with S3_ENDPOINT',
  },
  S3_PUBLIC_URL: { default: undefined, meaning: 'address under which the bucket is read' },
  DAILY_CAP_USD: { default: undefined, meaning: 'never spend more in one day of TZ' },
  MONTHLY_CAP_USD: { default: undefined, meaning: 'never spend more in one month of TZ' },
  STOP_AFTER_FAILURES: {
    default: '5',
    meaning:
      'failures in a row with one code that hold their batch, until its first good picture; then four times as many; 0: never',
  },
  CONFIRM_OVER_USD: { default: '5', meaning: 'ask before spending more than this' },
  LIST_MAX_MB: { default: '2048', meaning: 'MiB that a list may have, unpacked' },
  RENDER_CONCURRENCY: {
    default: 'availableParallelism()',
    meaning: 'pictures rendered at once by one worker',
  },
  RECORD_TTL_H: { default: '72', meaning: 'hours that the records of finished requests stay in Redis' },
  DEFAULT_MODEL: {
    default: undefined,
    meaning:
      'model of rows that name none; unset: the one that ships, from the day of its end on its successor',
  },
  WEBHOOK_SECRET: { default: undefined, meaning: 'signs the webhooks of --on-done' },
  WEBHOOK_HOSTS: {
    default: undefined,
    meaning:
      'hosts in a private network, or of another port than 443, that --on-done may name; plain http only for a loopback host named here',
  },
  SCHEDULE_KEY: {
    default: undefined,
    meaning:
      'signs the definitions of schedules, for commands and workers alike; unset: a key made of FAL_KEY',
  },
  SCHEDULE_FOLDER: { default: undefined, meaning: 'the only folder that lists of schedules may lie below' },
  LOG_LEVEL: { default: 'info', meaning: "debug also passes fal's own logs on" },
  LOG_FORMAT: { default: 'json, pretty on a terminal', meaning: 'json or pretty' },
  HEALTH_HOST: { default: '127.0.0.1', meaning: 'where HEALTH_PORT listens; 0.0.0.0 in a container' },
  HEALTH_PORT: { default: undefined, meaning: '/livez and /readyz on this port' },
} as const satisfies Record<string, { default: string | undefined; meaning: string }>;

const usd = z.string().transform((text, context): MicroUsd => {
  const amount = parseUsd(text);
  if (amount === undefined) {
    context.addIssue({ code: 'custom', message: 'must be an amount of dollars, such as 5 or 0.25' });
    return z.NEVER;
  }
  return amount;
});

const integer = (min: number, max: number) =>
  z.string().transform((text, context): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  });

/** `user`: whether it may hold a user name and a password, which end up in messages and logs elsewhere. */
const url = (protocols: readonly string[], user: 'with-user' | 'without-user' = 'without-user') =>
  z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      message: `must be an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
      abort: true,
    })
    .refine((text) => {
      const { username, password } = new URL(text);
      return user === 'with-user' || (username === '' && password === '');
    }, 'must hold no user name and no password');

const rate = z.string().transform((text, context) => {
  const match = /^(\d{1,6})\/(s|m|h)$/.exec(text.trim());
  const max = Number(match?.[1] ?? 0);
  if (match === null || max < 1) {
    context.addIssue({
      code: 'custom',
      message: 'must be a number of submits per s, m or h, such as 10/s or 300/m',
    });
    return z.NEVER;
  }
  return { max, durationMs: { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'] };
});

const hosts = z.string().transform((text, context) => {
  const names = text
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const bad = names.find(
    (name) => !/^(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/.test(name) && !/^\[[0-9a-f:]+\](:\d{1,5})?$/.test(name),
  );
  if (names.length > 0 && bad === undefined) return names;
  context.addIssue({
    code: 'custom',
    message: 'must be host names separated by commas, such as fal.media,*.fal.media',
  });
  return z.NEVER;
});

const flag = z
  .enum(['true', 'false', '1', '0'], { message: 'must be true or false' })
  .transform((text) => text === 'true' || text === '1');

const http = ['https:', 'http:'] as const;

/** What is asked there is asked with FAL_KEY. */
const falUrl = url(http).refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || isLoopback(hostname);
}, 'must be https: plain http would send FAL_KEY for everybody to read (but to this machine itself)');

const schema = z.object({
  FAL_KEY: z.string().optional(),
  FAL_ADMIN_KEY: z.string().optional(),
  FAL_QUEUE_URL: falUrl.default(SETTINGS.FAL_QUEUE_URL.default),
  FAL_API_URL: falUrl.default(SETTINGS.FAL_API_URL.default),
  FAL_MEDIA_HOSTS: hosts.prefault(SETTINGS.FAL_MEDIA_HOSTS.default),
  MEDIA_PATIENCE_S: integer(1, 86_400).prefault(SETTINGS.MEDIA_PATIENCE_S.default),
  FAL_CONCURRENCY: integer(1, 10_000).prefault(SETTINGS.FAL_CONCURRENCY.default),
  FAL_SUBMIT_RATE: rate.prefault(SETTINGS.FAL_SUBMIT_RATE.default),
  FAL_START_TIMEOUT_S: integer(1, 86_400).prefault(SETTINGS.FAL_START_TIMEOUT_S.default),
  FAL_UNKNOWN_MARGIN_S: integer(0, 86_400).optional(),
  REDIS_URL: url(['redis:', 'rediss:'], 'with-user')
    .refine(isDecodable, 'has a "%" in its user name or password that encodes nothing; write %25')
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[^\s:]{1,64}$/, 'must be 1 to 64 characters without white space or ":"')
    .default(SETTINGS.REDIS_PREFIX.default),
  S3_ENDPOINT: url(http).optional(),
  S3_REGION: z.string().optional(),
  S3_BUCKET: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'must be a bucket name: 3 to 63 lower-case letters, digits, "." or "-"',
    )
    .optional(),
  S3_PREFIX: z
    .string()
    .refine(isKeyPrefix, 'must be names of letters, digits, ".", "_" and "-", with "/" between them')
    .default(SETTINGS.S3_PREFIX.default),
  S3_FORCE_PATH_STYLE: flag.optional(),
  S3_PUBLIC_URL: url(http).optional(),
  DAILY_CAP_USD: usd.optional(),
  MONTHLY_CAP_USD: usd.optional(),
  STOP_AFTER_FAILURES: integer(0, 1_000_000).prefault(SETTINGS.STOP_AFTER_FAILURES.default),
  CONFIRM_OVER_USD: usd.prefault(SETTINGS.CONFIRM_OVER_USD.default),
  LIST_MAX_MB: integer(1, 1_000_000).prefault(SETTINGS.LIST_MAX_MB.default),
  RENDER_CONCURRENCY: integer(1, 256).optional(),
  RECORD_TTL_H: integer(1, 8_760).prefault(SETTINGS.RECORD_TTL_H.default),
  DEFAULT_MODEL: z.string().optional(),
  WEBHOOK_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
  WEBHOOK_HOSTS: hosts.optional(),
  SCHEDULE_KEY: z.string().min(16, 'must have at least 16 characters').optional(),
  SCHEDULE_FOLDER: z.string().refine(isAbsolute, 'must be an absolute path').optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      message: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default(SETTINGS.LOG_LEVEL.default),
  LOG_FORMAT: z.enum(['json', 'pretty'], { message: 'must be json or pretty' }).optional(),
  HEALTH_HOST: z.string().min(1).default(SETTINGS.HEALTH_HOST.default),
  HEALTH_PORT: integer(1, 65_535).optional(),
});

/** Split and not matched as a whole: a pattern with a repeat inside a repeat takes for ever on some texts. */
function isKeyPrefix(text: string): boolean {
  return text
    .replace(/\/$/, '')
    .split('/')
    .every((segment) => /^[A-Za-z0-9._-]+$/.test(segment) && segment !== '.' && segment !== '..');
}

/** Reads the settings. An empty variable counts as unset. Throws one `UserError` that names every bad variable. */
export function readConfig(environment: Environment): Config {
  const set = Object.fromEntries(
    Object.keys(SETTINGS).flatMap((name) => {
      const value = environment[name]?.trim();
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    throw new UserError('bad_settings', `Settings to mend in the environment: ${faults.join('; ')}.`);
  }
  const env = parsed.data;
  return {
    fal: {
      key: env.FAL_KEY,
      adminKey: env.FAL_ADMIN_KEY,
      queueUrl: withoutTrailingSlash(env.FAL_QUEUE_URL),
      apiUrl: withoutTrailingSlash(env.FAL_API_URL),
      mediaHosts: env.FAL_MEDIA_HOSTS,
      mediaPatienceS: env.MEDIA_PATIENCE_S,
      concurrency: env.FAL_CONCURRENCY,
      submitRate: env.FAL_SUBMIT_RATE,
      startTimeoutS: env.FAL_START_TIMEOUT_S,
      unknownMarginS: env.FAL_UNKNOWN_MARGIN_S,
    },
    redis: { url: env.REDIS_URL, prefix: env.REDIS_PREFIX },
    s3: {
      endpoint: env.S3_ENDPOINT,
      region: env.S3_REGION,
      bucket: env.S3_BUCKET,
      prefix: env.S3_PREFIX === '' || env.S3_PREFIX.endsWith('/') ? env.S3_PREFIX : `${env.S3_PREFIX}/`,
      forcePathStyle: env.S3_FORCE_PATH_STYLE ?? env.S3_ENDPOINT !== undefined,
      publicUrl: env.S3_PUBLIC_URL === undefined ? undefined : withoutTrailingSlash(env.S3_PUBLIC_URL),
    },
    caps: { daily: env.DAILY_CAP_USD, monthly: env.MONTHLY_CAP_USD },
    stopAfterFailures: env.STOP_AFTER_FAILURES,
    confirmOver: env.CONFIRM_OVER_USD,
    listMaxBytes: env.LIST_MAX_MB * 1_048_576,
    renderConcurrency: env.RENDER_CONCURRENCY ?? availableParallelism(),
    recordTtlH: env.RECORD_TTL_H,
    defaultModel: env.DEFAULT_MODEL,
    webhookSecret: env.WEBHOOK_SECRET,
    webhookHosts: env.WEBHOOK_HOSTS ?? [],
    scheduleKey: env.SCHEDULE_KEY,
    scheduleFolder: env.SCHEDULE_FOLDER,
    log: { level: env.LOG_LEVEL, format: env.LOG_FORMAT },
    healthHost: env.HEALTH_HOST,
    healthPort: env.HEALTH_PORT,
  };
}

/** The texts that must never be printed: keys, and the password inside the Redis address. */
export function secretsOf(environment: Environment): string[] {
  const names = [
    'FAL_KEY',
    'FAL_ADMIN_KEY',
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SESSION_TOKEN',
    'WEBHOOK_SECRET',
    'SCHEDULE_KEY',
  ];
  const redis = environment['REDIS_URL'];
  const { username, password } = redis !== undefined && URL.canParse(redis) ? new URL(redis) : NO_USER;
  const whole = names.map((name) => environment[name]?.trim() ?? '');
  const pair = password === '' ? '' : `${decoded(username)}:${decoded(password)}`;
  return [...whole, pair, decoded(password)].flatMap(formsOf).filter((text) => text !== '');
}

const NO_USER = { username: '', password: '' } as const;
/** Shorter halves are words of everyday text. */
const LEAST_HALF = 8;

/** A secret, its base64, and where it is `id:secret` both halves: each is found in answers and errors by itself. */
function formsOf(secret: string): string[] {
  if (secret === '') return [];
  const halves = secret.includes(':') ? secret.split(':').filter((half) => half.length >= LEAST_HALF) : [];
  return [secret, ...halves, Buffer.from(secret).toString('base64')];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isDecodable(text: string): boolean {
  const { username, password } = new URL(text);
  return [username, password].every((part) => !/%(?![0-9a-f]{2})/i.test(part));
}

function withoutTrailingSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
