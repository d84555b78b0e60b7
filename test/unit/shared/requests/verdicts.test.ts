import { describe, expect, it } from '@jest/globals';
import type { FalFault } from '../../../../src/shared/fal/errors.ts';
import { readVerdict, submitVerdict } from '../../../../src/shared/requests/verdicts.ts';
import { lockedMs } from '../../../../src/worker/generate/not-submitted.ts';

function fault(more: Partial<FalFault>): FalFault {
  return {
    call: 'submit',
    kind: 'http',
    status: 0,
    type: undefined,
    detail: '',
    retryAfterMs: undefined,
    neverStarted: false,
    billableUnits: undefined,
    ...more,
  };
}

const BALANCE = 'User is locked. Reason: Exhausted balance.';

describe('the verdict on a submit', () => {
  it.each([
    ['401', { status: 401, detail: 'bad key' }, { kind: 'stop', stop: { code: 'key' } }],
    ['403 for the balance', { status: 403, detail: BALANCE }, { kind: 'stop', stop: { code: 'balance' } }],
    ['403 for another reason', { status: 403, detail: 'no' }, { kind: 'stop', stop: { code: 'key' } }],
    ['404', { status: 404 }, { kind: 'endpoint', words: expect.stringContaining('(404)') }],
    ['429 that says how long', { status: 429, retryAfterMs: 7_000 }, { kind: 'slow', ms: 7_000 }],
    ['429 that does not', { status: 429 }, { kind: 'slow', ms: 5_000 }],
    ['400', { status: 400 }, { kind: 'fail', failure: { code: 'bad_request' } }],
    [
      '400 of a downstream service',
      { status: 400, type: 'downstream_service_error' },
      { kind: 'again', failure: { code: 'downstream_service_error' } },
    ],
    ['422 with a type', { status: 422, type: 'missing' }, { kind: 'fail', failure: { code: 'missing' } }],
    ['422 without', { status: 422 }, { kind: 'fail', failure: { code: 'rejected_input' } }],
    ['any other 4xx', { status: 413 }, { kind: 'fail' }],
    ['402, without a word', { status: 402 }, { kind: 'stop', stop: { code: 'balance' } }],
    [
      '423 of a locked account',
      { status: 423, detail: BALANCE },
      { kind: 'stop', stop: { code: 'balance' } },
    ],
    ['423 of a payment', { status: 423, detail: 'Payment due' }, { kind: 'stop', stop: { code: 'balance' } }],
    ['423 of anything else', { status: 423, detail: 'busy' }, { kind: 'locked', words: 'busy (423)' }],
    ['423 that says how long', { status: 423, retryAfterMs: 7_000 }, { kind: 'locked', retryAfterMs: 7_000 }],
    ['409', { status: 409 }, { kind: 'again', failure: { code: 'bad_request' } }],
    ['425', { status: 425 }, { kind: 'again', failure: { code: 'bad_request' } }],
    ['no connection', { kind: 'never-sent' }, { kind: 'away' }],
  ] as const)('%s: nothing was accepted', (_name, more, verdict) => {
    expect(submitVerdict(fault(more))).toMatchObject(verdict);
  });

  it.each([
    ['a lost answer', { kind: 'no-answer' }],
    ['an answer that cannot be read', { kind: 'garbled', status: 200 }],
    ['408', { status: 408 }],
    ['499', { status: 499 }],
    ['500', { status: 500 }],
    ['500 of a known type', { status: 500, type: 'internal_server_error' }],
    ['502', { status: 502 }],
    ['503', { status: 503 }],
    ['504', { status: 504 }],
    ['504 that says never started', { status: 504, neverStarted: true }],
    ['a redirect', { status: 302 }],
  ] as const)('%s: it may have been accepted', (_name, more) => {
    expect(submitVerdict(fault(more))).toEqual({ kind: 'unknown' });
  });

  it("says fal's words and what to do", () => {
    const verdict = submitVerdict(fault({ status: 403, detail: BALANCE }));
    expect(verdict).toMatchObject({
      stop: { reason: `balance: fal says "${BALANCE}"; top up the account, then run shotlist resume` },
    });
  });
});

describe('the verdict on a read of a known request', () => {
  it.each(['status', 'result'] as const)('of the %s: a fault of the way is read again', (call) => {
    for (const more of [
      { kind: 'never-sent' },
      { kind: 'no-answer' },
      { kind: 'garbled', status: 200 },
      { status: 500 },
      { status: 502 },
      { status: 503 },
      { status: 429 },
    ] as const) {
      expect(readVerdict(fault({ call, ...more })).kind).toBe('repeat');
    }
    expect(readVerdict(fault({ call, status: 503, retryAfterMs: 9_000 }))).toEqual({
      kind: 'repeat',
      afterMs: 9_000,
    });
  });

  it.each([405, 408, 409, 423, 425])('%i says nothing about the request: it is read again', (status) => {
    for (const call of ['status', 'result'] as const) {
      expect(readVerdict(fault({ call, status }))).toEqual({ kind: 'repeat', afterMs: 5_000 });
      expect(readVerdict(fault({ call, status, retryAfterMs: 9_000 }))).toMatchObject({ afterMs: 9_000 });
    }
  });

  it.each([
    ['402', { status: 402 }],
    ['423 of a locked account', { status: 423, detail: BALANCE }],
  ] as const)('%s is about the account: all submits stop', (_name, more) => {
    for (const call of ['status', 'result'] as const)
      expect(readVerdict(fault({ call, ...more }))).toMatchObject({
        kind: 'stop',
        stop: { code: 'balance' },
      });
  });

  it.each([404, 410])('%i is never a reason to submit anew', (status) => {
    expect(readVerdict(fault({ call: 'status', status })).kind).toBe('gone');
    expect(readVerdict(fault({ call: 'result', status })).kind).toBe('gone');
  });

  it.each([
    [500, 'internal_server_error'],
    [500, 'downstream_service_error'],
    [503, 'downstream_service_unavailable'],
    [400, 'downstream_service_error'],
    [504, 'generation_timeout'],
    [504, 'startup_timeout'],
    [503, 'runner_scheduling_failure'],
    [502, 'runner_incomplete_response'],
  ])('%i %s at the result is a failed run, and the same at the status only a bad moment', (status, type) => {
    expect(readVerdict(fault({ call: 'result', status, type }))).toMatchObject({
      kind: 'rerun',
      failure: { code: type },
    });
    expect(readVerdict(fault({ call: 'status', status, type })).kind).toBe('repeat');
  });

  it('504 of type user never started, and so uses no attempt', () => {
    const never = { call: 'result', status: 504, type: 'request_timeout', neverStarted: true } as const;
    expect(readVerdict(fault(never))).toEqual({ kind: 'never-started' });
  });

  it('422 is final; 400 may only mean that it still runs; 401 stops all submits', () => {
    const at = (status: number, type?: string) => readVerdict(fault({ call: 'result', status, type }));
    expect(at(422, 'content_policy_violation')).toMatchObject({
      kind: 'fail',
      failure: { code: 'content_policy_violation' },
    });
    expect(at(400)).toMatchObject({ kind: 'in-progress-or-bad', failure: { code: 'bad_request' } });
    expect(at(401)).toMatchObject({ kind: 'stop', stop: { code: 'key' } });
  });
});

describe('the wait after 423', () => {
  it('grows with each in a row, up to a minute', () => {
    expect([1, 2, 3, 4, 5].map(lockedMs)).toEqual([5_000, 10_000, 20_000, 40_000, 60_000]);
  });
});
