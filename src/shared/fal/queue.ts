import { createFalClient } from '@fal-ai/client';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import type { WireValue } from '../models/wire.ts';
import { type FalCall, FalError, type FalFault } from './errors.ts';
import type { FalAnswer, FalHttp } from './http.ts';
import { falRequestId } from './pages.ts';

/**
 * The queue of fal, through the real client. The client has no option for a base address, repeats a POST up to three
 * times with no idempotency key (four paid requests for one call), and throws the response headers away. So the fetch
 * that it is handed owns all three: it sends everything once, and turns every failure into an error that the client
 * never repeats. https://github.com/fal-ai/fal-js/blob/main/libs/client/src/retry.ts
 */
export interface FalQueue {
  /** POSTs exactly once. Rejects with a FalError; only kind `never-sent` and a 4xx are a definite no. */
  submit(endpoint: string, input: FalInput, options: SubmitOptions): Promise<{ requestId: string }>;
  status(endpoint: string, requestId: string, options: StatusOptions): Promise<QueueStatus>;
  result(endpoint: string, requestId: string, signal?: AbortSignal): Promise<QueueResult>;
  /**
   * Asks fal once to drop a request. `cancelled`: taken out of its queue, so that it never starts. `asked`: it runs, and
   * may be charged. `too-late`: it has ended, or fal does not know it. Rejects with a FalError where that is not known.
   */
  cancel(endpoint: string, requestId: string, signal?: AbortSignal): Promise<CancelVerdict>;
}

export type CancelVerdict = 'cancelled' | 'asked' | 'too-late';

export type FalInput = Readonly<Record<string, WireValue>>;

export interface SubmitOptions {
  /** A request that fal has not started by then never starts. */
  readonly startTimeoutS: number;
  /** Never sent later than this (ms since 1970). */
  readonly notAfterMs: number;
  readonly signal?: AbortSignal;
}

export interface StatusOptions {
  /** Asks for fal's own log lines too. */
  readonly logs: 'with-logs' | 'without-logs';
  readonly signal?: AbortSignal;
}

export interface QueueStatus {
  readonly state: 'queued' | 'running' | 'done';
  /** Requests ahead of it, where fal says so. */
  readonly queuePosition: number | undefined;
  readonly logs: readonly string[];
  readonly inferenceMs: number | undefined;
  /** Of a run that is done and failed, where fal says so here; mostly only the result does. */
  readonly failure: FalFailure | undefined;
}

export interface FalFailure {
  readonly words: string;
  /** fal's error type. */
  readonly type: string | undefined;
}

export interface QueueResult {
  readonly output: FalOutput;
  readonly billableUnits: number | undefined;
}

const image = z.object({
  url: z.string(),
  content_type: z.string().nullish(),
  file_name: z.string().nullish(),
});
export const falOutput = z.object({ images: z.array(image) });
export type FalOutput = z.infer<typeof falOutput>;

const submitted = z.object({ request_id: falRequestId });
const status = z.object({
  status: z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']),
  queue_position: z.number().nullish(),
  logs: z.array(z.object({ message: z.string() })).nullish(),
  metrics: z.object({ inference_time: z.number().nullish() }).nullish(),
  // Of any shape: a status whose words cannot be read must not hide that the run is done.
  error: z.unknown().optional(),
  error_type: z.unknown().optional(),
});

const STATE = { IN_QUEUE: 'queued', IN_PROGRESS: 'running', COMPLETED: 'done' } as const;

export interface FalQueueDeps {
  readonly http: FalHttp;
  readonly key: string;
  readonly queueUrl: string;
  /** Limit of one call of the queue; a result with data URIs is the largest answer. */
  readonly timeoutMs: number;
}

export function createFalQueue({ http, key, queueUrl, timeoutMs }: FalQueueDeps): FalQueue {
  /** Runs one call of the client and hands back the answer that our own fetch saw. */
  async function exchange(
    call: FalCall,
    options: { readonly notAfterMs?: number; readonly signal?: AbortSignal | undefined },
    run: (client: ReturnType<typeof createFalClient>) => Promise<unknown>,
  ): Promise<FalAnswer> {
    let answer: FalAnswer | undefined;
    const client = createFalClient({
      credentials: key,
      fetch: async (target, init) => {
        try {
          answer = await http({
            call,
            url: rebase(String(target), queueUrl),
            method: init?.method ?? 'GET',
            // The client always passes a plain object.
            headers: init?.headers as Record<string, string>,
            ...(typeof init?.body === 'string' ? { body: init.body } : {}),
            timeoutMs,
            ...(options.notAfterMs === undefined ? {} : { notAfterMs: options.notAfterMs }),
            ...optional(options.signal),
          });
        } catch (error) {
          throw new NoRepeat(error);
        }
        return new Response(answer.text, { status: 200, headers: { 'content-type': 'application/json' } });
      },
    });
    try {
      await run(client);
    } catch (error) {
      if (error instanceof NoRepeat) throw error.cause;
      // The client itself objects: before it has sent anything, or to an answer that is none of fal's.
      const kind = answer === undefined ? 'never-sent' : 'garbled';
      throw falError(call, kind, messageOf(error), answer, error);
    }
    if (answer === undefined) throw new Error(`@fal-ai/client answered ${call} without a request`);
    return answer;
  }

  /** An id from the store, from Redis or from a user becomes a part of a path, to which our key is sent. */
  function assertId(call: FalCall, requestId: string): void {
    if (falRequestId.safeParse(requestId).success) return;
    throw falError(call, 'never-sent', "it is no request id of fal's", undefined, undefined);
  }

  return {
    async submit(endpoint, input, { startTimeoutS, notAfterMs, signal }) {
      const answer = await exchange('submit', { notAfterMs, signal }, (client) =>
        // The client's types know this endpoint's options only in part, so the input is ours.
        // The header of the client's own `startTimeout`, which refuses one second.
        client.queue.submit(endpoint, { input, headers: { 'x-fal-request-timeout': String(startTimeoutS) } }),
      );
      return { requestId: parse('submit', submitted, answer).request_id };
    },

    async status(endpoint, requestId, { logs, signal }) {
      assertId('status', requestId);
      const answer = await exchange('status', { signal }, (client) =>
        client.queue.status(endpoint, { requestId, logs: logs === 'with-logs' }),
      );
      const body = parse('status', status, answer);
      const seconds = body.metrics?.inference_time ?? undefined;
      return {
        state: STATE[body.status],
        queuePosition: body.queue_position ?? undefined,
        logs: (body.logs ?? []).map((line) => line.message),
        inferenceMs: seconds === undefined ? undefined : seconds * 1_000,
        failure: failureIn(body),
      };
    },

    async result(endpoint, requestId, signal) {
      assertId('result', requestId);
      const answer = await exchange('result', { signal }, (client) =>
        client.queue.result(endpoint, { requestId }),
      );
      return { output: parse('result', falOutput, answer), billableUnits: answer.billableUnits };
    },

    async cancel(endpoint, requestId, signal) {
      assertId('cancel', requestId);
      try {
        const { status } = await exchange('cancel', { signal }, (client) =>
          client.queue.cancel(endpoint, { requestId }),
        );
        return status === 200 ? 'cancelled' : 'asked';
      } catch (error) {
        const fault = error instanceof FalError ? error.fault : undefined;
        if (fault?.kind === 'http' && (fault.status === 400 || fault.status === 404)) return 'too-late';
        throw error;
      }
    },
  };
}

function failureIn({ error, error_type }: z.infer<typeof status>): FalFailure | undefined {
  const type = typeof error_type === 'string' && error_type !== '' ? error_type.slice(0, 60) : undefined;
  const words = typeof error === 'string' ? error : JSON.stringify(error ?? '').replace(/^""$/, '');
  return type === undefined && words === '' ? undefined : { words: words.slice(0, 300), type };
}

/** The client never repeats an error of this name, whatever its cause. */
class NoRepeat extends Error {
  constructor(cause: unknown) {
    super('not to be repeated', { cause });
    this.name = 'AbortError';
  }
}

function rebase(target: string, base: string): string {
  const { pathname, search } = new URL(target);
  return `${base}${pathname}${search}`;
}

function parse<T>(call: FalCall, schema: z.ZodType<T>, answer: FalAnswer): T {
  const parsed = schema.safeParse(JSON.parse(answer.text));
  if (parsed.success) return parsed.data;
  throw falError(call, 'garbled', 'the answer has not the shape that fal documents', answer, parsed.error);
}

function falError(
  call: FalCall,
  kind: FalFault['kind'],
  detail: string,
  answer: FalAnswer | undefined,
  cause: unknown,
): FalError {
  const fault = {
    call,
    kind,
    status: answer?.status ?? 0,
    type: undefined,
    detail,
    retryAfterMs: undefined,
    neverStarted: false,
    billableUnits: answer?.billableUnits,
  };
  return new FalError(fault, { cause });
}
