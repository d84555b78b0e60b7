import { Agent, DecoratorHandler, type Dispatcher, fetch } from 'undici';
import { z } from 'zod';
import { ANSWER_BYTES, readAtMost } from '../base/answer-size.ts';
import { errorCodes } from '../base/errors.ts';
import { printable } from '../base/text.ts';
import { type Clock, withTimeout } from '../base/time.ts';
import { type FalCall, FalError, type FalFault } from './errors.ts';

/** One HTTP exchange with fal that ended with a 2xx and a JSON body. */
export interface FalAnswer {
  readonly status: number;
  readonly text: string;
  readonly billableUnits: number | undefined;
  /** fal's clock, to the second, in ms since 1970; undefined where the answer has no date. */
  readonly dateMs: number | undefined;
}

export interface FalRequest {
  readonly call: FalCall;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  /**
   * Not sent after this time (ms since 1970), looked at when the connection stands and the first byte is next: then it
   * is `never-sent`.
   */
  readonly notAfterMs?: number;
  readonly signal?: AbortSignal;
}

export type FalHttp = (request: FalRequest) => Promise<FalAnswer>;

/** The sockets to fal: kept alive and bounded, where the built-in fetch opens one per request in flight (MEASURED.md). */
export function openFalSockets(): Agent {
  return new Agent({ connections: 64, keepAliveTimeout: 30_000, connect: { timeout: 10_000 } });
}

/**
 * Sends one request, once, and reads the whole answer. Rejects with a `FalError` for everything but a 2xx with JSON;
 * when the caller's signal aborts, with a `FalError` of kind `no-answer` (the request may have been sent).
 */
export function createFalHttp({ agent, clock }: { agent: Agent; clock: Clock }): FalHttp {
  return async ({ call, url, method, headers, body, timeoutMs, notAfterMs, signal }) => {
    const fault = (more: Partial<FalFault> & Pick<FalFault, 'kind' | 'detail'>, cause?: unknown) =>
      new FalError(
        {
          call,
          status: 0,
          type: undefined,
          retryAfterMs: undefined,
          neverStarted: false,
          billableUnits: undefined,
          ...more,
        },
        cause === undefined ? {} : { cause },
      );
    const maxBytes = call === 'result' || call === 'list' ? ANSWER_BYTES[call] : ANSWER_BYTES.other;
    let status = 0;
    let text: string | undefined;
    let got = new Headers();
    try {
      const response = await fetch(url, {
        method,
        headers,
        dispatcher: notAfterMs === undefined ? agent : agent.compose(lastLook(notAfterMs, clock)),
        // An answer that sends us elsewhere is none of fal's; a followed redirect could repeat a POST.
        redirect: 'manual',
        signal: withTimeout(signal, timeoutMs),
        ...(body === undefined ? {} : { body }),
      });
      status = response.status;
      // undici's own Headers differ from the global type in name only.
      got = response.headers as unknown as Headers;
      text = (await readAtMost(response.body, maxBytes, () => new TooLarge())).toString('utf8');
    } catch (error) {
      if (!(error instanceof TooLarge)) {
        const codes = errorCodes(error);
        const kind = codes.some((code) => NEVER_SENT.has(code)) ? 'never-sent' : 'no-answer';
        throw fault({ kind, detail: codes.find((code) => code !== 'TypeError') ?? 'no answer' }, error);
      }
    }
    const billableUnits = units(got.get('x-fal-billable-units'));
    if (status >= 200 && status < 300) {
      if (text === undefined) {
        const detail = `the answer is longer than ${maxBytes} bytes`;
        throw fault({ kind: 'too-large', status, detail, billableUnits });
      }
      if (isJsonObject(text)) return { status, text, billableUnits, dateMs: dateMs(got.get('date')) };
      throw fault({ kind: 'garbled', status, detail: 'the answer is no JSON object', billableUnits });
    }
    const { type, detail } = reasonOf(text ?? '');
    throw fault({
      kind: 'http',
      status,
      type: got.get('x-fal-error-type') ?? type,
      detail,
      retryAfterMs: retryAfter(got.get('retry-after'), clock),
      neverStarted: status === 504 && got.get('x-fal-request-timeout-type') === 'user',
      billableUnits,
    });
  };
}

/** The answer is longer than is read. */
class TooLarge extends Error {}

const TOO_LATE = 'ERR_TOO_LATE_TO_SEND';

/**
 * A request may wait for a free socket, and a new one for its handshake. A process that is frozen in that wait would send,
 * when it wakes, what has been proven absent and sent anew by then.
 */
function lastLook(notAfterMs: number, clock: Clock): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => dispatch(options, new LastLook(handler, { notAfterMs, clock }));
}

class LastLook extends DecoratorHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #limit: { readonly notAfterMs: number; readonly clock: Clock };

  constructor(
    handler: Dispatcher.DispatchHandler,
    limit: { readonly notAfterMs: number; readonly clock: Clock },
  ) {
    super(handler);
    this.#handler = handler;
    this.#limit = limit;
  }

  /** In the turn in which the client writes; what is thrown here keeps every byte back. */
  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    const { notAfterMs, clock } = this.#limit;
    if (clock() > notAfterMs) throw Object.assign(new Error('too late to be sent'), { code: TOO_LATE });
    this.#handler.onRequestStart?.(controller, context);
  }
}

/** Codes of failures before a byte of the request left: no connection was made. */
const NEVER_SENT = new Set([
  TOO_LATE,
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function units(header: string | null): number | undefined {
  if (header === null || !/^\d+(\.\d+)?$/.test(header.trim())) return undefined;
  return Number(header);
}

function dateMs(header: string | null): number | undefined {
  const ms = Date.parse(header ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

const item = z.object({ msg: z.string().optional(), type: z.string().optional() });
const errorBody = z.object({
  detail: z.union([z.string(), z.array(item)]).optional(),
  error: z
    .union([z.string(), z.object({ type: z.string().optional(), message: z.string().optional() })])
    .optional(),
  error_type: z.string().optional(),
  message: z.string().optional(),
});

/** fal says why in `detail`, as a text or a list; `input` in it echoes the prompt and is left out. */
function reasonOf(text: string): { type: string | undefined; detail: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { type: undefined, detail: '' };
  }
  const parsed = errorBody.safeParse(body);
  if (!parsed.success) return { type: undefined, detail: '' };
  const { detail, error, error_type, message } = parsed.data;
  const listed = Array.isArray(detail) ? detail : [];
  const told = typeof error === 'object' ? error : undefined;
  const words = [
    typeof detail === 'string' ? detail : undefined,
    ...listed.map((one) => one.msg),
    typeof error === 'string' ? error : told?.message,
    message,
  ].find((one) => one !== undefined && one !== '');
  return { type: error_type ?? listed[0]?.type ?? told?.type, detail: printable(words ?? '').slice(0, 300) };
}

/** Seconds or an HTTP date, as milliseconds from now; at most ten minutes. */
function retryAfter(header: string | null, clock: Clock): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - clock();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 600_000) : undefined;
}
