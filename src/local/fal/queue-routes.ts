import type { Clock, Sleep } from '../../shared/base/time.ts';
import type { Endpoint, Input } from './endpoints.ts';
import { loseReply, refusal, replaceReply } from './fault-reply.ts';
import type { FaultedRequest, Faults, ReplyFault, SubmitFault } from './faults.ts';
import { randomOf } from './random.ts';
import { resultBody, resultReply } from './results.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';
import type { Stats } from './stats.ts';
import { type Call, jsonReply, type Reply } from './wire.ts';

export interface QueueDeps {
  readonly runs: Runs;
  readonly faults: Faults;
  readonly stats: Stats;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly acceptMs: number;
  readonly resultTtlMs: number;
  readonly bigResultTtlMs: number;
  readonly authorized: (call: Call) => boolean;
  readonly queueUrl: () => string;
  readonly price: (endpoint: Endpoint, input: Input) => { units: number; microUsd: number };
  readonly mediaUrl: (run: Run, index: number) => string | undefined;
  /** The bytes of a picture, for data URIs. */
  readonly picture: (run: Run, index: number) => Promise<Buffer>;
}

const BIG_RESULT_BYTES = 10_240;
const REQUEST_PATH = /^\/([^/]+\/[^/]+)\/requests\/([^/]+?)(\/status|\/cancel)?$/;

/** The queue: submit, status, result, cancel. */
export async function queueRoute(deps: QueueDeps, call: Call): Promise<Reply> {
  const match = REQUEST_PATH.exec(call.path);
  if (match === null) return submit(deps, call);
  const [, app = '', id = '', action] = match;
  const wanted = action === '/cancel' ? 'PUT' : 'GET';
  if (call.method !== wanted) return refusal(405, 'Method Not Allowed');
  const found = deps.runs.get(id);
  const run = found !== undefined && appOf(found.endpoint) === app ? found : undefined;
  if (action === '/status') return status(deps, call, run);
  return action === '/cancel' ? cancel(deps, call, run) : result(deps, call, run);
}

async function submit(deps: QueueDeps, call: Call): Promise<Reply> {
  deps.stats.count('submit');
  if (call.method !== 'POST') return refusal(405, 'Method Not Allowed');
  const endpointId = call.path.slice(1);
  const input = parseInput(call.body);
  const fault = deps.faults.take('submit', {
    method: call.method,
    path: call.path,
    requestId: undefined,
    endpoint: endpointId,
    input,
    phase: undefined,
  });
  if (fault !== undefined && !isSubmitFault(fault)) {
    return replaceReply(fault, () => accept(deps, call, endpointId, input));
  }
  if (fault?.kind === 'accepted-late') await deps.sleep(fault.delayMs);
  const answer = await accept(deps, call, endpointId, input);
  return fault === undefined || answer.status !== 200 ? answer : loseReply(fault, answer);
}

async function accept(
  deps: QueueDeps,
  call: Call,
  endpointId: string,
  input: Input | undefined,
): Promise<Reply> {
  if (!deps.authorized(call)) return unauthorized(endpointId);
  const endpoint = deps.endpoints.get(endpointId);
  if (endpoint === undefined) return refusal(404, `Application "${endpointId}" not found`);
  if (input === undefined) {
    const detail = [{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid', input: {} }];
    return jsonReply(422, { detail });
  }
  // Both names are fal's; the newer one wins.
  const timeout = call.headers['x-fal-request-start-timeout'] ?? call.headers['x-fal-request-timeout'];
  const startTimeoutMs = timeout === undefined ? undefined : Number(timeout) * 1000;
  if (startTimeoutMs !== undefined && !(startTimeoutMs > 0)) {
    return refusal(400, 'The request timeout must be a number of seconds above 0');
  }
  const { units, microUsd } = deps.price(endpoint, input);
  const run = deps.runs.accept({
    endpoint: endpointId,
    input,
    startTimeoutMs,
    units,
    priceMicroUsd: microUsd,
  });
  const position = deps.runs.queuePosition(run);
  if (deps.acceptMs > 0) await deps.sleep(deps.acceptMs);
  return jsonReply(
    200,
    { status: 'IN_QUEUE', request_id: run.id, ...urlsOf(deps, run), queue_position: position },
    { 'x-fal-request-id': run.id },
  );
}

async function status(deps: QueueDeps, call: Call, run: Run | undefined): Promise<Reply> {
  deps.stats.count('status');
  const fault = deps.faults.take('status', faulted(call, run));
  if (fault?.kind === 'fall-back') {
    if (run !== undefined) deps.runs.fallBack(run);
    return statusAnswer(deps, call, run);
  }
  const answer = async () => statusAnswer(deps, call, run);
  return fault === undefined ? answer() : replaceReply(fault, answer);
}

function statusAnswer(deps: QueueDeps, call: Call, run: Run | undefined): Reply {
  if (!deps.authorized(call)) return unauthorized(call.path);
  if (run === undefined || expired(deps, run)) return refusal(404, 'Request not found');
  const common = { request_id: run.id, ...urlsOf(deps, run) };
  const headers = { 'x-fal-request-id': run.id };
  if (run.phase === 'queued') {
    const queued = { status: 'IN_QUEUE', ...common, queue_position: deps.runs.queuePosition(run) };
    return jsonReply(202, queued, headers);
  }
  const logs = call.query.get('logs') === '1' ? logsOf(run) : null;
  if (run.phase === 'running') return jsonReply(202, { status: 'IN_PROGRESS', ...common, logs }, headers);
  const inferenceS = ((run.endedAtMs ?? 0) - (run.startedAtMs ?? run.endedAtMs ?? 0)) / 1000;
  const completed = { status: 'COMPLETED', ...common, logs, metrics: { inference_time: inferenceS } };
  return jsonReply(200, { ...completed, ...errorOf(run) }, headers);
}

async function result(deps: QueueDeps, call: Call, run: Run | undefined): Promise<Reply> {
  deps.stats.count('result');
  const fault = deps.faults.take('result', faulted(call, run));
  const answer = async () => {
    if (!deps.authorized(call)) return unauthorized(call.path);
    if (run === undefined || expired(deps, run)) return refusal(404, 'Request not found');
    return resultReply(deps, run);
  };
  return fault === undefined ? answer() : replaceReply(fault, answer);
}

async function cancel(deps: QueueDeps, call: Call, run: Run | undefined): Promise<Reply> {
  deps.stats.count('cancel');
  const fault = deps.faults.take('cancel', faulted(call, run));
  const answer = async () => {
    if (!deps.authorized(call)) return unauthorized(call.path);
    if (run === undefined) return jsonReply(404, { status: 'NOT_FOUND' });
    const outcome = deps.runs.cancel(run);
    if (outcome === 'too-late') return jsonReply(400, { status: 'ALREADY_COMPLETED' });
    return jsonReply(outcome === 'cancelled' ? 200 : 202, { status: 'CANCELLATION_REQUESTED' });
  };
  return fault === undefined ? answer() : replaceReply(fault, answer);
}

/** About an hour, or 6 minutes where the JSON is 10 KB or more, which every data URI is (FAL.md). */
function expired(deps: QueueDeps, run: Run): boolean {
  if (run.endedAtMs === undefined) return false;
  const big =
    run.input['sync_mode'] === true || JSON.stringify(resultBody(deps, run)).length >= BIG_RESULT_BYTES;
  return deps.clock() >= run.endedAtMs + (big ? deps.bigResultTtlMs : deps.resultTtlMs);
}

function urlsOf({ queueUrl }: QueueDeps, run: Run) {
  const base = `${queueUrl()}/${appOf(run.endpoint)}/requests/${run.id}`;
  return { response_url: base, status_url: `${base}/status`, cancel_url: `${base}/cancel` };
}

/** `owner/alias`: what comes after it (`/edit`) is dropped for all but the submit. */
function appOf(endpoint: string): string {
  return endpoint.split('/').slice(0, 2).join('/');
}

function logsOf(run: Run) {
  const line = (message: string, atMs: number) => ({
    message,
    level: 'INFO',
    source: 'USER',
    timestamp: new Date(atMs).toISOString(),
  });
  const start = run.startedAtMs ?? run.acceptedAtMs;
  return [
    line('Generating images', start),
    ...(run.endedAtMs === undefined ? [] : [line('Done', run.endedAtMs)]),
  ];
}

/** Only sometimes does the status itself tell of the failure (FAL.md); whether it does hangs on the id. */
function errorOf(run: Run): { error?: string; error_type?: string } {
  if (run.outcome?.kind !== 'failed' || randomOf(run.id)() < 0.5) return {};
  return { error: `Request failed with status ${run.outcome.status}`, error_type: run.outcome.errorType };
}

function faulted(call: Call, run: Run | undefined): FaultedRequest {
  return {
    method: call.method,
    path: call.path,
    requestId: run?.id,
    endpoint: run?.endpoint,
    input: run?.input,
    phase: run?.phase,
  };
}

function isSubmitFault(fault: ReplyFault | SubmitFault): fault is SubmitFault {
  return fault.kind.startsWith('accepted-');
}

function unauthorized(what: string): Reply {
  return refusal(401, `Cannot access application "${what}". Authentication is required.`);
}

function parseInput(body: Buffer): Input | undefined {
  try {
    const input: unknown = JSON.parse(body.toString('utf8'));
    // An object that is no array has string keys.
    return typeof input === 'object' && input !== null && !Array.isArray(input)
      ? (input as Input)
      : undefined;
  } catch {
    // Answered with 422 by the caller.
    return undefined;
  }
}
