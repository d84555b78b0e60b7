/** Why Redis refuses a command, as one pure table; docs/errors.md has the same rows. */
export interface RedisRefusal {
  /** Stable; the `code` of the `UserError`. */
  readonly code: string;
  /** The cause: a clause without a full stop. */
  readonly says: string;
  /** What to do: an order without a full stop. */
  readonly mend: string;
}

interface Row {
  /** An answer as Redis gives it; for the docs and their test. */
  readonly example: string;
  readonly when: RegExp;
  readonly code: string;
  readonly says: string;
  readonly mend: string;
}

/** Redis's words stand at the start, or behind those of a script (`… script: f_1a2b, -READONLY …`). */
const answer = (word: string) => new RegExp(`(^|[^A-Za-z])${word}([^A-Za-z]|$)`);

const RIGHTS = 'let it: docs/operations.md has the line for the user';

/** The first that fits counts. */
export const REDIS_REFUSALS: readonly Row[] = [
  {
    example: "OOM command not allowed when used memory > 'maxmemory'.",
    when: answer('OOM'),
    code: 'redis_full',
    says: 'Redis is full (OOM) and refuses every write',
    mend: 'give it more memory (maxmemory)',
  },
  {
    example: "READONLY You can't write against a read only replica.",
    when: answer('READONLY'),
    code: 'redis_replica',
    says: 'Redis is a replica (READONLY) and refuses every write',
    mend: 'point REDIS_URL at the primary',
  },
  {
    example: 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    when: answer('UNBLOCKED'),
    code: 'redis_replica',
    says: 'Redis became a replica (UNBLOCKED)',
    mend: 'point REDIS_URL at the primary',
  },
  {
    example: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    when: answer('MASTERDOWN'),
    code: 'redis_replica',
    says: 'Redis is a replica that has lost its primary (MASTERDOWN)',
    mend: 'point REDIS_URL at the primary',
  },
  {
    example: 'NOPERM No permissions to access a key',
    when: /access (a|one of the|at least one of the) keys?/,
    code: 'redis_rights',
    says: 'Redis does not let the user in REDIS_URL use the keys under REDIS_PREFIX',
    mend: RIGHTS,
  },
  {
    example: "NOPERM User shop has no permissions to run the 'eval' command",
    when: /NOPERM|has no permissions to run|can't run this command/,
    code: 'redis_rights',
    says: 'Redis does not let the user in REDIS_URL run COMMAND',
    mend: RIGHTS,
  },
  {
    example: "ERR unknown command 'EVAL', with args beginning with: 'return 1'",
    when: /unknown (redis )?command/i,
    code: 'redis_rights',
    says: 'Redis does not have the command COMMAND',
    mend: 'use Redis or Valkey 6.2 or newer, in which no command is renamed',
  },
  {
    example: 'NOAUTH Authentication required.',
    when: answer('NOAUTH'),
    code: 'redis_refused',
    says: 'Redis wants a password (NOAUTH)',
    mend: 'set it in REDIS_URL',
  },
  {
    example: 'WRONGPASS invalid username-password pair or user is disabled.',
    when: /WRONGPASS|invalid password/i,
    code: 'redis_refused',
    says: 'Redis refuses the user or password in REDIS_URL (WRONGPASS)',
    mend: 'correct them',
  },
  {
    example: 'MOVED 3999 127.0.0.1:6381',
    when: answer('(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)'),
    code: 'redis_cluster',
    says: 'Redis runs in cluster mode (MOVED), which is not supported',
    mend: 'use a Redis without it',
  },
  {
    example: 'LOADING Redis is loading the dataset in memory',
    when: answer('LOADING'),
    code: 'redis_loading',
    says: 'Redis is still loading its data (LOADING)',
    mend: 'start again when it has loaded',
  },
  {
    example:
      'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.',
    when: answer('MISCONF'),
    code: 'redis_disk',
    says: 'Redis cannot write to its disk (MISCONF) and refuses every write',
    mend: 'make room there, or mend the disk',
  },
  {
    example: 'NOREPLICAS Not enough good replicas to write.',
    when: answer('NOREPLICAS'),
    code: 'redis_replicas',
    says: 'Redis has too few replicas (NOREPLICAS) and refuses every write',
    mend: 'start them, or correct min-replicas-to-write',
  },
  {
    example: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    when: answer('BUSY'),
    code: 'redis_busy',
    says: 'Redis is held up by a script of another program (BUSY)',
    mend: 'let it end, or use SCRIPT KILL',
  },
  {
    example: 'ERR max number of clients reached',
    when: /max number of clients/,
    code: 'redis_clients',
    says: 'Redis has too many clients already (maxclients)',
    mend: 'let it take more, or start fewer workers',
  },
  {
    example: 'DENIED Redis is running in protected mode because protected mode is enabled',
    when: answer('DENIED'),
    code: 'redis_refused',
    says: 'Redis takes clients of its own machine alone (protected mode)',
    mend: 'set a password there and in REDIS_URL',
  },
  {
    example: 'ERR DB index is out of range',
    when: /DB index is out of range|invalid DB index/i,
    code: 'redis_database',
    says: 'Redis does not have the database that REDIS_URL names',
    mend: 'correct the number behind its last slash',
  },
  {
    example: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    when: /CERT_|ERR_TLS_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|self.signed certificate|unable to verify/,
    code: 'redis_tls',
    says: "Redis's certificate is not trusted, or is for another name",
    mend: 'let NODE_EXTRA_CA_CERTS name its authority, or correct REDIS_URL',
  },
  {
    example: 'ERR_SSL_WRONG_VERSION_NUMBER',
    when: /ERR_SSL|EPROTO|wrong version number/,
    code: 'redis_tls',
    says: 'Redis does not speak TLS, and REDIS_URL says rediss',
    mend: 'correct it to redis',
  },
];

/** undefined where it is no refusal: a bug, or a Redis that is away. Looks into causes and what a transaction met. */
export function redisRefusal(error: unknown): RedisRefusal | undefined {
  const texts = textsOf(error, 0);
  for (const { when, code, says, mend } of REDIS_REFUSALS) {
    const text = texts.find((one) => when.test(one));
    if (text !== undefined) return { code, says: says.replace('COMMAND', commandIn(text)), mend };
  }
  return undefined;
}

/** `Redis is full (OOM) and refuses every write; give it more memory (maxmemory).` Holds no address. */
export function refusalSentence({ says, mend }: RedisRefusal): string {
  return `${says}; ${mend}.`;
}

/** Whether the server on this connection is the wrong one by now: another connection may lead to the right one. */
export function isDemoted(error: unknown): boolean {
  return redisRefusal(error)?.code === 'redis_replica';
}

/** Whether waiting does not mend it: then there is no use in trying again for some seconds. */
export function isLasting({ code }: RedisRefusal): boolean {
  return !PASSING.has(code);
}

const PASSING = new Set(['redis_loading', 'redis_busy', 'redis_clients', 'redis_replica', 'redis_full']);

function textsOf(error: unknown, depth: number): string[] {
  if (typeof error !== 'object' || error === null || depth > 5)
    return typeof error === 'string' ? [error] : [];
  const { message, code, cause, previousErrors } = error as Partial<
    Record<'message' | 'code' | 'cause' | 'previousErrors', unknown>
  >;
  return [
    // What a transaction met says why; its own words say only that it was dropped.
    ...(Array.isArray(previousErrors) ? previousErrors : []).flatMap((one) => textsOf(one, depth + 1)),
    ...(typeof message === 'string' ? [message] : []),
    ...(typeof code === 'string' ? [code] : []),
    ...textsOf(cause, depth + 1),
  ];
}

/** `EVAL`; `a command` where an older Redis does not say which. */
function commandIn(text: string): string {
  const [, name] = /(?:run the|unknown (?:redis )?command)[ :]*['"`]?([a-z|]+)/i.exec(text) ?? [];
  return name === undefined ? 'a command that the work needs' : name.toUpperCase().replace('|', ' ');
}
