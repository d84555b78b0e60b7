import type { Environment } from './config.ts';

/** What any program needs: to be found, to find its libraries, and to know the user, the time zone and the language. */
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
] as const;

/** What changes how Node and sharp work. By name, since npm's tokens begin with `NODE_`, too. */
const NODE = [
  ...PROGRAM,
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_USE_SYSTEM_CA',
  'NODE_V8_COVERAGE',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'UV_THREADPOOL_SIZE',
  'VIPS_CONCURRENCY',
  'FONTCONFIG_FILE',
  'FONTCONFIG_PATH',
] as const;

interface Allowed {
  readonly names: readonly string[];
  readonly prefixes: readonly string[];
}

/**
 * What a child gets of its parent's variables, by what the child is.
 * `program`: a program that is not ours. `node`: our own code, which opens nothing by itself.
 * `node-with-s3`: our own code with a bucket; the AWS SDK finds credentials in many ways, all of them by `AWS_*`.
 */
const KINDS = {
  program: { names: PROGRAM, prefixes: [] },
  node: { names: NODE, prefixes: [] },
  'node-with-s3': { names: NODE, prefixes: ['AWS_'] },
} as const satisfies Record<string, Allowed>;
export type ChildKind = keyof typeof KINDS;

/**
 * The environment of a child process: an allowlist, so that a key which is added tomorrow stays here. Each spawn and
 * fork must use it. `scripts/setup/child-env.mjs` is its twin for what runs before the build.
 */
export function environmentFor(
  kind: ChildKind,
  // biome-ignore lint/style/noProcessEnv: the one place that reads it to hand on less of it
  environment: Environment = process.env,
): Record<string, string> {
  const { names, prefixes }: Allowed = KINDS[kind];
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && (names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)))
        ? [[name, value]]
        : [],
    ),
  );
}
