import type { FalFault } from '../fal/errors.ts';
import { ANSWER_TOO_LARGE } from '../journal/objects.ts';
import type { Stop } from './batches.ts';

/** What to do about a failed submit: docs/errors.md and FAL.md's table, as one pure function. */
export type SubmitVerdict =
  /** All submits stop until a person resumes; the request is planned again. */
  | { readonly kind: 'stop'; readonly stop: Stop }
  /** fal has no such endpoint (any more): its submits stop, those of others go on. `words`: fal's. */
  | { readonly kind: 'endpoint'; readonly words: string }
  /** Everyone slows down; no attempt used. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** fal has locked something that may open again: everyone slows down, until it was said too often in a row. `words`: fal's. */
  | { readonly kind: 'locked'; readonly words: string; readonly retryAfterMs: number | undefined }
  /** fal was not reached: nothing was sent; no attempt used. */
  | { readonly kind: 'away' }
  /** A definite no that may pass: a new request, one attempt used. */
  | { readonly kind: 'again'; readonly failure: RequestFailure }
  /** A definite no for good. Nothing was accepted, so it costs nothing. */
  | { readonly kind: 'fail'; readonly failure: RequestFailure }
  /** It may have been accepted: find out before another POST. */
  | { readonly kind: 'unknown' };

/** What to do about a failed read of status or result of a request whose id is known. Never a new POST by itself. */
export type ReadVerdict =
  | { readonly kind: 'stop'; readonly stop: Stop }
  /** The request is fine: read again. */
  | { readonly kind: 'repeat'; readonly afterMs: number | undefined }
  /** fal does not hold it any more, or not yet. */
  | { readonly kind: 'gone' }
  /** The run failed unbilled: a new request, one attempt used. */
  | { readonly kind: 'rerun'; readonly failure: RequestFailure }
  /** It never started: a new request, no attempt used. */
  | { readonly kind: 'never-started' }
  /** Perhaps only "still in progress": the status tells. */
  | { readonly kind: 'in-progress-or-bad'; readonly failure: RequestFailure }
  /** Final; may be billed. */
  | { readonly kind: 'fail'; readonly failure: RequestFailure };

export interface RequestFailure {
  readonly code: string;
  readonly message: string;
}

/** Answers to a POST that say that its endpoint is not there. */
const GONE: ReadonlySet<number> = new Set([404, 405, 410]);

/** Answers to a POST that say that nothing was accepted, and that another try may be. */
const AGAIN: ReadonlySet<number> = new Set([409, 425]);

/** The connection was given up at fal's door, which says nothing about what is behind it. */
const GIVEN_UP: ReadonlySet<number> = new Set([408, 499]);

/** Answers to a GET that are of the moment or of the account, and say nothing about the request. */
const NOT_OF_THE_REQUEST: ReadonlySet<number> = new Set([402, 405, 408, 409, 423, 425]);

/** Of 401, 403 and 423: what fal's words say where it is the account. */
const ACCOUNT = /balance|locked|billing|payment/i;

/** Without a `retry-after`. */
export const SLOW_DOWN_MS = 5_000;

/** 5xx that mean a failed run (unbilled) and not a bad moment of the queue, by fal's error type. */
const FAILED_RUN =
  /^(internal_server_error|downstream_service_|generation_timeout|runner_|request_timeout|startup_timeout)/;

export function submitVerdict(fault: FalFault): SubmitVerdict {
  if (fault.kind === 'never-sent') return { kind: 'away' };
  if (fault.kind !== 'http') return { kind: 'unknown' };
  const { status, type, retryAfterMs } = fault;
  const stop = accountStop(fault);
  if (stop !== undefined) return { kind: 'stop', stop };
  const words = `${wordsOf(fault)} (${status})`;
  if (GONE.has(status)) return { kind: 'endpoint', words };
  if (status === 423) return { kind: 'locked', words, retryAfterMs };
  if (status === 429) return { kind: 'slow', ms: retryAfterMs ?? SLOW_DOWN_MS };
  if (AGAIN.has(status) || (status === 400 && type?.startsWith('downstream_service')))
    return { kind: 'again', failure: failureOf(fault) };
  if (GIVEN_UP.has(status)) return { kind: 'unknown' };
  if (status >= 400 && status < 500) return { kind: 'fail', failure: failureOf(fault) };
  return { kind: 'unknown' };
}

export function readVerdict(fault: FalFault): ReadVerdict {
  if (fault.kind === 'too-large' && fault.call === 'result') {
    // The same would come again; what was paid is noted, and asked for again later.
    const message = "fal's answer is too large to be read; it may have been paid for.";
    return { kind: 'fail', failure: { code: ANSWER_TOO_LARGE, message } };
  }
  if (fault.kind !== 'http') return { kind: 'repeat', afterMs: undefined };
  const { status, type } = fault;
  const stop = accountStop(fault);
  if (stop !== undefined) return { kind: 'stop', stop };
  if (fault.neverStarted) return { kind: 'never-started' };
  if (status === 404 || status === 410) return { kind: 'gone' };
  if (status === 429 || NOT_OF_THE_REQUEST.has(status))
    return { kind: 'repeat', afterMs: fault.retryAfterMs ?? SLOW_DOWN_MS };
  if (fault.call === 'status') return { kind: 'repeat', afterMs: fault.retryAfterMs };
  if (type !== undefined && (status >= 500 || status === 400) && FAILED_RUN.test(type)) {
    return { kind: 'rerun', failure: failureOf(fault) };
  }
  if (status === 400) return { kind: 'in-progress-or-bad', failure: failureOf(fault) };
  if (status >= 400 && status < 500) return { kind: 'fail', failure: failureOf(fault) };
  return { kind: 'repeat', afterMs: fault.retryAfterMs };
}

/** What fal says of the account or its key; undefined where it says nothing of them. */
function accountStop(fault: FalFault): Stop | undefined {
  const { status } = fault;
  const words = wordsOf(fault);
  const isRefused = status === 401 || status === 403;
  if (status === 402 || ((isRefused || status === 423) && ACCOUNT.test(words))) {
    return {
      code: 'balance',
      reason: `balance: fal says "${words}"; top up the account, then run shotlist resume`,
    };
  }
  if (!isRefused) return undefined;
  return {
    code: 'key',
    reason: `key: fal refuses FAL_KEY (${status}): "${words}"; correct it, then run shotlist resume`,
  };
}

function failureOf(fault: FalFault): RequestFailure {
  const code =
    fault.type ??
    (fault.status === 422 ? 'rejected_input' : fault.status < 500 ? 'bad_request' : 'failed_run');
  return { code: code.slice(0, 60), message: `fal answered ${fault.status}: ${wordsOf(fault)}` };
}

function wordsOf(fault: FalFault): string {
  return fault.detail === '' ? `HTTP ${fault.status}` : fault.detail;
}
