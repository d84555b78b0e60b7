import { setTimeout as delay } from 'node:timers/promises';
import { createFalClient, type FalClient } from '@fal-ai/client';
import {
  type FalSimulator,
  type FalSimulatorOptions,
  startFalSimulator,
} from '../../src/local/fal/simulator.ts';

export const MODEL = 'fal-ai/gpt-image-1-mini';

/** A simulator of a test's own: quick runs, cheap pictures, short lags. `await using` ends it. */
export function testFal(options: FalSimulatorOptions = {}): Promise<FalSimulator> {
  return startFalSimulator({ latencyMs: 15, pictures: 'plain', listLagMs: 5, billingLagMs: 5, ...options });
}

/** The real client, with fal's address replaced by the simulator's. */
export function falClientFor(fal: FalSimulator): FalClient {
  return createFalClient({
    credentials: fal.key,
    fetch: (input, init) => fetch(String(input).replace('https://queue.fal.run', fal.queueUrl), init),
  });
}

/** The parts of fal's answers that tests look at. */
export interface FalBody {
  readonly status?: string;
  readonly request_id?: string;
  readonly queue_position?: number;
  readonly images?: readonly { readonly url: string }[];
  readonly items?: readonly unknown[];
  readonly billing_events?: readonly unknown[];
  readonly has_more?: boolean;
  readonly next_cursor?: string | null;
}

export interface FalAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** undefined where the body is no JSON, is cut or is empty. */
  readonly body: FalBody | null | undefined;
}

/** One plain HTTP call, without the client between. Rejects when there is no answer in time. */
export async function callFal(
  fal: FalSimulator,
  path: string,
  options: {
    readonly method?: string;
    readonly input?: unknown;
    readonly key?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly timeoutMs?: number;
  } = {},
): Promise<FalAnswer> {
  const response = await fetch(`${fal.queueUrl}${path}`, {
    method: options.method ?? 'GET',
    headers: { authorization: `Key ${options.key ?? fal.key}`, ...options.headers },
    signal: AbortSignal.timeout(options.timeoutMs ?? 10_000),
    ...(options.input === undefined ? {} : { body: JSON.stringify(options.input) }),
  });
  // The shape is what the tests then look at.
  const body = await response.json().then(
    (json) => json as FalBody | null,
    () => undefined,
  );
  return { status: response.status, headers: response.headers, body };
}

/** Submits and returns the request's id. */
export async function submit(
  fal: FalSimulator,
  input: unknown,
  headers: Readonly<Record<string, string>> = {},
  endpoint = MODEL,
): Promise<string> {
  const { status, body } = await callFal(fal, `/${endpoint}`, { method: 'POST', input, headers });
  if (status !== 200 || body?.request_id === undefined) throw new Error(`submit answered ${status}`);
  return body.request_id;
}

/** Waits until the request has ended, in whatever way. */
export async function completed(fal: FalSimulator, requestId: string): Promise<void> {
  await until(
    async () => fal.book.entries().find((entry) => entry.requestId === requestId),
    (entry) => entry?.statusCode !== undefined,
  );
}

/** Reads until the condition holds. Gives up after five seconds with what was read last. */
export async function until<Value>(
  read: () => Promise<Value>,
  holds: (value: Value) => boolean,
  limitMs = 5_000,
): Promise<Value> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadlineMs)
      throw new Error(`never held: ${JSON.stringify(value)?.slice(0, 500)}`);
    await delay(5);
  }
}
