// What a script hands on of its environment: an allowlist, as in `src/shared/base/child-env.ts`, which is not built yet here.

/** The list of the same name in `src/shared/base/child-env.ts`. */
const PROGRAM = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TZ',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'DYLD_LIBRARY_PATH',
  'MALLOC_ARENA_MAX',
];

/** How the way out to a registry is set, and the two names under which npm's own token is kept. */
const FETCH =
  /^(npm_config_.*|(https?|all|no)_proxy|NPM_TOKEN|NODE_AUTH_TOKEN|NODE_EXTRA_CA_CERTS|APT_CONFIG)$/i;
/** What the tests read; the two AWS names are those of a store that they are pointed at (`TEST_S3_ENDPOINT`). */
const TESTS =
  /^(TEST_.*|CHAOS_.*|PROTOCOL_.*|CI|TERM|FORCE_COLOR|NO_COLOR|NODE_OPTIONS|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY)$/;
const MORE = { program: /^$/, fetch: FETCH, tests: TESTS };

/**
 * @param {'program' | 'fetch' | 'tests'} kind `program`: it needs nothing of ours; `fetch`: npm or apt
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Record<string, string>}
 */
export function environmentFor(kind, environment = process.env) {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value]) => value !== undefined && (PROGRAM.includes(name) || MORE[kind].test(name)),
    ),
  );
}
