/** How a run ended: an answer of the result GET, and what it is billed. Decided when the run starts. */
export type Outcome = { readonly kind: 'pictures'; readonly hideUnits?: boolean } | FailedRun;

export interface FailedRun {
  readonly kind: 'failed';
  readonly status: number;
  readonly body: unknown;
  readonly errorType: string;
  /** Who says so: the model in `x-fal-retryable`, fal's platform in `x-fal-needs-retry`. */
  readonly origin: 'model' | 'platform';
  readonly retryable: boolean;
  /** `none`: billed 0 without saying so; `zero`: says 0; `full`: billed like a success and says so; `full-unsaid`: billed, no header. */
  readonly billing: 'none' | 'zero' | 'full' | 'full-unsaid';
  readonly timeoutType?: 'user';
}

export interface Issue {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
  readonly input: unknown;
}

/** A fault of the runner or of what stands behind it: `{detail, error_type}`, never billed (FAL.md). */
function infrastructureFailure(
  status: number,
  errorType: string,
  detail: string,
  options: { readonly retryable?: boolean; readonly timeoutType?: 'user' } = {},
): FailedRun {
  return {
    kind: 'failed',
    status,
    body: { detail, error_type: errorType },
    errorType,
    origin: 'platform',
    retryable: options.retryable ?? true,
    billing: 'none',
    ...(options.timeoutType === undefined ? {} : { timeoutType: options.timeoutType }),
  };
}

/** A fault of the model or the input: `{detail: [{loc, msg, type, input}]}`. */
export function modelFailure(
  status: number,
  issues: readonly Issue[],
  options: { readonly retryable?: boolean; readonly billing?: FailedRun['billing'] } = {},
): FailedRun {
  return {
    kind: 'failed',
    status,
    body: { detail: issues },
    errorType: issues[0]?.type ?? 'unprocessable',
    origin: 'model',
    retryable: options.retryable ?? false,
    billing: options.billing ?? 'zero',
  };
}

const POLICY =
  'The content could not be processed because it contained material flagged by a content checker.';

export const policyViolation = (prompt: unknown, billing: FailedRun['billing'] = 'zero'): FailedRun =>
  modelFailure(
    422,
    [{ loc: ['body', 'prompt'], msg: POLICY, type: 'content_policy_violation', input: prompt }],
    { billing },
  );

export const NEVER_STARTED = infrastructureFailure(504, 'request_timeout', 'Request timed out', {
  retryable: false,
  timeoutType: 'user',
});

export const CANCELLED = infrastructureFailure(499, 'client_cancelled', 'Request was cancelled', {
  retryable: false,
});

const model = (status: number, type: string, msg: string, retryable: boolean): FailedRun =>
  modelFailure(status, [{ loc: ['body'], msg, type, input: {} }], { retryable, billing: 'none' });

/** Every way in which FAL.md says that a run can fail, by the name under which a test asks for it. */
export const RUN_FAILURES = {
  internal_server_error: model(500, 'internal_server_error', 'Internal server error', true),
  downstream_service_error_500: model(500, 'downstream_service_error', 'Downstream service error', true),
  downstream_service_error_503: model(503, 'downstream_service_error', 'Downstream service error', true),
  downstream_service_error_400: model(400, 'downstream_service_error', 'Downstream service error', true),
  downstream_service_unavailable: model(
    503,
    'downstream_service_unavailable',
    'Downstream service is unavailable',
    true,
  ),
  generation_timeout: model(504, 'generation_timeout', 'Generation timeout', true),
  bad_request: model(400, 'bad_request', 'The request could not be understood', false),
  no_media_generated: modelFailure(422, [
    { loc: ['body'], msg: 'No media was generated', type: 'no_media_generated', input: {} },
  ]),
  no_media_generated_billed: modelFailure(
    422,
    [{ loc: ['body'], msg: 'No media was generated', type: 'no_media_generated', input: {} }],
    { billing: 'full' },
  ),
  no_media_generated_billed_unsaid: modelFailure(
    422,
    [{ loc: ['body'], msg: 'No media was generated', type: 'no_media_generated', input: {} }],
    { billing: 'full-unsaid' },
  ),
  content_policy_violation: policyViolation(''),
  content_policy_violation_billed: policyViolation('', 'full'),
  runner_scheduling_failure: infrastructureFailure(503, 'runner_scheduling_failure', 'No runner available'),
  runner_connection_timeout: infrastructureFailure(503, 'runner_connection_timeout', 'Runner timed out'),
  runner_disconnected: infrastructureFailure(503, 'runner_disconnected', 'Runner disconnected'),
  runner_connection_refused: infrastructureFailure(503, 'runner_connection_refused', 'Runner refused'),
  runner_connection_error: infrastructureFailure(503, 'runner_connection_error', 'Runner not reached'),
  runner_incomplete_response: infrastructureFailure(502, 'runner_incomplete_response', 'Answer cut short'),
  runner_server_error: infrastructureFailure(500, 'runner_server_error', 'Runner error'),
  startup_timeout: infrastructureFailure(504, 'startup_timeout', 'The runner did not start in time'),
} as const satisfies Record<string, FailedRun>;

export type RunFailure = keyof typeof RUN_FAILURES;
