import Fastify from 'fastify';
import { errorCodes, messageOf, UserError } from '../shared/errors.ts';
import { type Clock, withTimeout } from '../shared/time.ts';

export interface HealthDeps {
  readonly port: number;
  readonly pingRedis: () => Promise<unknown>;
  readonly checkStore: (signal: AbortSignal) => Promise<void>;
  /** Whether every worker takes jobs. */
  readonly running: () => boolean;
  readonly clock: Clock;
}

export interface Health extends AsyncDisposable {
  /** `http://0.0.0.0:port` */
  readonly address: string;
  /** From here on `/readyz` says 503: the process is on its way out. */
  stopping(): void;
}

/** One listing of the bucket in this time, however often it is asked. */
const STORE_EVERY_MS = 5_000;
/** Probes of the common orchestrators give up after some seconds; this answers before. */
const CHECK_TIMEOUT_MS = 2_000;

/**
 * `/livez`: 200 while the event loop turns. `/readyz`: 200 when Redis and the store answer and the workers run, else
 * 503 with the reasons. Listens on every interface, since a container's probe comes from outside of it; it tells
 * nothing but these words. Rejects with a `UserError` when the port cannot be had.
 */
export async function startHealth({
  port,
  pingRedis,
  checkStore,
  running,
  clock,
}: HealthDeps): Promise<Health> {
  let stopping = false;
  const redis = checked({ check: pingRedis, everyMs: 0, clock });
  const store = checked({
    check: () => checkStore(withTimeout(undefined, CHECK_TIMEOUT_MS)),
    everyMs: STORE_EVERY_MS,
    clock,
  });
  const reasons = async (): Promise<string[]> => {
    if (stopping) return ['this process is stopping'];
    const [redisFault, storeFault] = await Promise.all([redis(), store()]);
    return [
      ...(redisFault === undefined ? [] : [`Redis: ${redisFault}`]),
      ...(storeFault === undefined ? [] : [`store: ${storeFault}`]),
      ...(running() ? [] : ['not every worker runs']),
    ];
  };

  const server = Fastify({ logger: false, forceCloseConnections: true });
  server.get('/livez', () => ({ alive: true }));
  server.get('/readyz', async (_request, reply) => {
    const found = await reasons();
    return await reply
      .code(found.length === 0 ? 200 : 503)
      .send(found.length === 0 ? { ready: true } : { ready: false, reasons: found });
  });
  try {
    await server.listen({ host: '0.0.0.0', port });
    return {
      address: `http://0.0.0.0:${port}`,
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
