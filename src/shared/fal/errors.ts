/** Everything that can go wrong on one call of fal, as data; what to do about it is decided in `verdicts.ts`. */
export interface FalFault {
  readonly call: FalCall;
  /**
   * `never-sent`: no connection, so fal has seen nothing. `no-answer`: reset, timeout or abort after it may have been
   * sent. `garbled`: an answer that cannot be read. `too-large`: one longer than
   * is read. `http`: an answer other than 2xx.
   */
  readonly kind: 'never-sent' | 'no-answer' | 'garbled' | 'too-large' | 'http';
  /** 0 where there was no answer. */
  readonly status: number;
  /** fal's error type (`content_policy_violation`, …), from the header or the body. */
  readonly type: string | undefined;
  /** fal's words, without the echo of our input. */
  readonly detail: string;
  /** From `retry-after`. */
  readonly retryAfterMs: number | undefined;
  /** 504 because the request was not started within our own start timeout. */
  readonly neverStarted: boolean;
  /** From `x-fal-billable-units`; undefined where fal did not say. */
  readonly billableUnits: number | undefined;
}

export type FalCall = 'submit' | 'status' | 'result' | 'cancel' | 'list' | 'pricing' | 'billing';

/** One call of fal failed. */
export class FalError extends Error {
  readonly fault: FalFault;

  constructor(fault: FalFault, options?: ErrorOptions) {
    super(
      `fal ${fault.call}: ${fault.status === 0 ? fault.kind : `HTTP ${fault.status}`} ${fault.detail}`.trim(),
      options,
    );
    this.name = 'FalError';
    this.fault = fault;
  }
}
