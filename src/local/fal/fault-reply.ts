import { gzipSync } from 'node:zlib';
import type { ReplyFault, SubmitFault } from './faults.ts';
import { jsonReply, type Reply } from './wire.ts';

const EXHAUSTED =
  'User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.';

const REFUSALS = {
  'bad-request': [400, 'Bad request'],
  unauthorized: [401, 'Cannot access application: the key is not valid'],
  'payment-required': [402, 'Payment Required'],
  'exhausted-balance': [403, EXHAUSTED],
  'not-found': [404, 'Not Found'],
  'method-not-allowed': [405, 'Method Not Allowed'],
  conflict: [409, 'Conflict'],
  gone: [410, 'Gone'],
  'too-large': [413, 'Payload Too Large'],
  'account-locked': [423, 'Account locked: a payment is due'],
  'too-early': [425, 'Too Early'],
  'client-closed': [499, 'Client Closed Request'],
} as const;

/** The queue's way of saying no: `{detail}`. */
export const refusal = (
  status: number,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Reply => jsonReply(status, { detail }, headers);

/** What the client gets in place of the answer. `answer` is asked only by faults that let the call happen. */
export async function replaceReply(fault: ReplyFault, answer: () => Promise<Reply>): Promise<Reply> {
  switch (fault.kind) {
    case 'reset':
      return { ...refusal(500, ''), delivery: 'reset' };
    case 'hang':
      return { ...refusal(500, ''), delivery: 'never' };
    case 'slow':
      return { ...(await answer()), delayMs: fault.delayMs };
    case 'truncated':
      return { ...(await answer()), delivery: 'truncated' };
    case 'oversized':
      return oversized(await answer(), fault.bytes);
    case 'empty':
      return { ...(await answer()), body: '' };
    case 'null':
      return { ...(await answer()), body: 'null' };
    case 'status':
      return fault.body === undefined
        ? {
            status: fault.status,
            headers: { 'content-type': 'text/html', ...fault.headers },
            body: HTML_ERROR,
          }
        : jsonReply(fault.status, fault.body, fault.headers ?? {});
    case 'rate-limited':
    case 'locked': {
      const headers = fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
      return fault.kind === 'locked'
        ? refusal(423, 'The application is being updated', headers)
        : refusal(429, 'Too many requests', headers);
    }
    case 'unauthorized':
    case 'payment-required':
    case 'exhausted-balance':
    case 'account-locked':
    case 'not-found':
    case 'method-not-allowed':
    case 'conflict':
    case 'gone':
    case 'too-large':
    case 'too-early':
    case 'client-closed':
    case 'bad-request': {
      const [status, detail] = REFUSALS[fault.kind];
      return refusal(status, detail);
    }
    case 'invalid':
      return jsonReply(
        422,
        { detail: [{ loc: ['body', 'prompt'], msg: 'Field required', type: 'missing', input: {} }] },
        { 'x-fal-error-type': 'missing', 'x-fal-retryable': 'false' },
      );
    case 'unavailable':
      return refusal(503, 'Service unavailable', { 'x-fal-retryable': 'true' });
  }
}

function oversized(answer: Reply, bytes: number): Reply {
  const padded = Buffer.concat([Buffer.from(answer.body), Buffer.alloc(bytes, ' ')]);
  return {
    ...answer,
    headers: { ...answer.headers, 'content-encoding': 'gzip' },
    body: gzipSync(padded, { level: 1 }),
  };
}

/** How the answer to an accepted POST gets lost. */
export function loseReply(fault: SubmitFault, answer: Reply): Reply {
  switch (fault.kind) {
    case 'accepted-then-reset':
      return { ...answer, delivery: 'reset' };
    case 'accepted-then-hang':
      return { ...answer, delivery: 'never' };
    case 'accepted-truncated':
      return { ...answer, delivery: 'truncated' };
    case 'accepted-empty':
      return { ...answer, body: '' };
    case 'accepted-null':
      return { ...answer, body: 'null' };
    case 'accepted-then-slow':
      return { ...answer, delayMs: fault.delayMs };
    case 'accepted-then-status':
      return { status: fault.status, headers: { 'content-type': 'text/html' }, body: HTML_ERROR };
    case 'accepted-late':
      return answer;
  }
}

/** What a load balancer answers on its own, which is no JSON. */
const HTML_ERROR = '<html><body><h1>The server could not complete your request</h1></body></html>';
