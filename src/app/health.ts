import Fastify from 'fastify';
import { errorCodes, messageOf, UserError } from '../shared/base/errors.ts';
import { type Clock, withTimeout } from '../shared/base/time.ts';

export interface HealthDeps {
  readonly host: string;
  readonly port: number;
  /** What this worker's roles need, each asked for by doing it. */
  readonly looks: readonly HealthLook[];
  /** What is known without asking; sentences. */
  readonly standing: () => readonly string[];
  /** Takes secrets out of a reason; addresses are taken out here. */
  readonly clean: (text: string) => string;
  readonly clock: Clock;
}

export interface HealthLook {
  /** Stands before the reason: `Redis`, `store`, `fal`. */
  readonly name: string;
  /** Rejects with what is wrong; the signal aborts when the time is up. */
  readonly look: (signal: AbortSignal) => Promise<unknown>;
  /** Asked at most once in this time, however often it is probed. */
  readonly everyMs: number;
}

export interface Health extends AsyncDisposable {
  /** `http://host:port` */
  readonly address: string;
  /** From here on `/readyz` says 503: the process is on its way out. */
  stopping(): void;
}

/** Probes of the common orchestrators give up after some seconds; this answers before. */
const CHECK_TIMEOUT_MS = 2_000;

const MAX_CONNECTIONS = 32;
/** For a whole request; a probe is a few bytes. */
const REQUEST_MS = 5_000;

/**
 * `/livez`: 200 while the event loop turns. `/readyz`: 200 when everything that the roles need lets itself be used, else
 * 503 with the reasons. Tells nothing but these words, without secrets and
 * addresses. Connections are few and short: those of a stranger must not take the files that the work needs. Rejects with a `UserError` when the port cannot be had.
 */
export async function startHealth({
  host,
  port,
  looks,
  standing,
  clean,
  clock,
}: HealthDeps): Promise<Health> {
  let stopping = false;
  const checks = looks.map(({ name, look, everyMs }) => ({
    name,
    found: checked({ check: () => look(withTimeout(undefined, CHECK_TIMEOUT_MS)), everyMs, clock }),
  }));
  const reasons = async (): Promise<string[]> => {
    if (stopping) return ['this process is stopping'];
    const found = await Promise.all(
      checks.map(async ({ name, found: fault }) => ({ name, fault: await fault() })),
    );
    return [
      ...found.flatMap(({ name, fault }) => (fault === undefined ? [] : [`${name}: ${fault}`])),
      ...standing(),
    ].map((reason) => clean(withoutAddresses(reason)));
  };

  const server = Fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: REQUEST_MS, connectionsCheckingInterval: 1_000 },
  });
  server.server.maxConnections = MAX_CONNECTIONS;
  server.get('/livez', () => ({ alive: true }));
  server.get('/readyz', async (_request, reply) => {
    const found = await reasons();
    return await reply
      .code(found.length === 0 ? 200 : 503)
      .send(found.length === 0 ? { ready: true } : { ready: false, reasons: found });
  });
  try {
    await server.listen({ host, port });
    return {
      address: `http://${host}:${port}`,
      stopping() {
        stopping = true;
      },
      [Symbol.asyncDispose]: () => server.close(),
    };
  } catch (cause) {
    await server.close();
    const [code = messageOf(cause)] = errorCodes(cause);
    const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`;
    throw new UserError('health_port', `HEALTH_PORT ${port} ${why}: choose another, or leave it out.`, {
      cause,
    });
  }
}

/** undefined, or what is wrong. One check at a time, its answer kept for `everyMs`: probes must not pile up. */
function checked({
  check,
  everyMs,
  clock,
}: {
  readonly check: () => Promise<unknown>;
  readonly everyMs: number;
  readonly clock: Clock;
}): () => Promise<string | undefined> {
  let current: Promise<string | undefined> | undefined;
  let last: { readonly atMs: number; readonly fault: string | undefined } | undefined;
  return async () => {
    if (last !== undefined && clock() - last.atMs < everyMs) return last.fault;
    current ??= check()
      .then(
        () => undefined,
        (error: unknown) => messageOf(error),
      )
      .then((fault) => {
        last = { atMs: clock(), fault };
        current = undefined;
        return fault;
      });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, CHECK_TIMEOUT_MS, `no answer in ${CHECK_TIMEOUT_MS / 1_000} s`);
    });
    try {
      return await Promise.race([current, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Whoever reaches the port may read it: where things are is none of its business. */
function withoutAddresses(text: string): string {
  return text
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/[^\s,;)]+/gi, '[address]')
    .replace(/(\[[0-9a-f:.]+\]|\b[a-z0-9][a-z0-9.-]*):\d{2,5}\b/gi, '[address]')
    .replace(/\b\d{1,3}(\.\d{1,3}){3}\b/g, '[address]');
}
