import type { MicroUsd } from '../../shared/base/money.ts';
import { toUsd } from '../../shared/base/money.ts';
import type { Clock } from '../../shared/base/time.ts';
import { statusCodeOf } from './book.ts';
import type { Endpoint } from './endpoints.ts';
import { replaceReply } from './fault-reply.ts';
import type { Faults } from './faults.ts';
import type { HistoryView } from './history-view.ts';
import { bendPage, isPageFault } from './page-faults.ts';
import { type ResultDeps, resultBody } from './results.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';
import type { Stats } from './stats.ts';
import { type Call, jsonReply, type Reply } from './wire.ts';

export interface PlatformDeps extends ResultDeps {
  readonly runs: Runs;
  readonly faults: Faults;
  readonly stats: Stats;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly clock: Clock;
  readonly history: HistoryView;
  readonly billingLagMs: number;
  readonly percentDiscount: number;
  readonly authorized: (call: Call) => boolean;
  readonly authorizedAdmin: (call: Call) => boolean;
}

const MAX_PAGE = 100;
const DEFAULT_PAGE = 50;
const MAX_IDS = 50;
const BILLING_DAYS = 90;
const DAY_MS = 86_400_000;

/** The platform API under `/v1`. */
export async function platformRoute(deps: PlatformDeps, call: Call): Promise<Reply> {
  if (call.method !== 'GET') return refuse(405, 'method_not_allowed', 'Method not allowed');
  const route = ROUTES[call.path];
  return route === undefined ? refuse(404, 'not_found', `No such endpoint: ${call.path}`) : route(deps, call);
}

const ROUTES: Readonly<Record<string, (deps: PlatformDeps, call: Call) => Promise<Reply>>> = {
  '/v1/models': (deps, call) => plain(deps, call, 'models', models),
  '/v1/models/pricing': (deps, call) => plain(deps, call, 'pricing', pricing),
  '/v1/models/requests/by-endpoint': list,
  '/v1/models/billing-events': (deps, call) => plain(deps, call, 'billing', billing),
};

async function plain(
  deps: PlatformDeps,
  call: Call,
  kind: 'models' | 'pricing' | 'billing',
  answer: (deps: PlatformDeps, call: Call) => Reply,
): Promise<Reply> {
  deps.stats.count(kind);
  const fault = deps.faults.take(kind, unknownRequest(call));
  if (fault !== undefined && isPageFault(fault)) return bendPage(fault, answer(deps, call));
  return fault === undefined ? answer(deps, call) : replaceReply(fault, async () => answer(deps, call));
}

function models(deps: PlatformDeps, call: Call): Reply {
  const ids = call.query.getAll('endpoint_id');
  const known = [...deps.endpoints.keys()].filter((id) => ids.length === 0 || ids.includes(id));
  if (ids.length > 0 && known.length === 0)
    return refuse(404, 'not_found', `Endpoint not found: ${ids.join(', ')}`);
  const rows = known.map((id) => ({
    endpoint_id: id,
    metadata: { display_name: `${id} (simulated)`, category: 'text-to-image', status: 'active' },
  }));
  return jsonReply(200, { models: rows, next_cursor: null, has_more: false });
}

function pricing(deps: PlatformDeps, call: Call): Reply {
  if (!deps.authorized(call)) return unauthorized();
  const ids = call.query.getAll('endpoint_id').flatMap((text) => text.split(','));
  if (ids.length === 0) return refuse(400, 'validation_error', 'endpoint_id is required');
  const prices = ids.flatMap((id) => {
    const unit = deps.endpoints.get(id)?.unit;
    if (unit === undefined) return [];
    return [{ endpoint_id: id, unit_price: toUsd(unit.priceMicroUsd), unit: unit.name, currency: 'USD' }];
  });
  if (prices.length === 0) return refuse(404, 'not_found', `Endpoint not found: ${ids.join(', ')}`);
  return jsonReply(200, { prices, next_cursor: null, has_more: false });
}

async function list(deps: PlatformDeps, call: Call): Promise<Reply> {
  deps.stats.count('list');
  const fault = deps.faults.take('list', unknownRequest(call));
  if (fault?.kind === 'lag') return listAnswer(deps, call, { lagMs: fault.lagMs });
  if (fault?.kind === 'small-pages') return listAnswer(deps, call, { maxPage: fault.pageSize });
  if (fault !== undefined && isPageFault(fault)) return bendPage(fault, listAnswer(deps, call, {}));
  const answer = async () => listAnswer(deps, call, {});
  return fault === undefined ? answer() : replaceReply(fault, answer);
}

/**
 * Latest end first, those without an end before them; `start` is a day ago unless given, `end` is exclusive (fal's
 * documentation). That the range is about `sent_at` is a guess. `sync_mode` requests are kept out (FAL.md).
 */
function listAnswer(
  deps: PlatformDeps,
  call: Call,
  { lagMs, maxPage = MAX_PAGE }: { readonly lagMs?: number; readonly maxPage?: number },
): Reply {
  if (!deps.authorized(call)) return unauthorized();
  const ids = call.query.getAll('endpoint_id').flatMap((text) => text.split(','));
  if (ids.length === 0) return refuse(400, 'validation_error', 'endpoint_id is required');
  const nowMs = deps.clock();
  const asOfMs = deps.history.asOf(nowMs);
  const range = rangeOf(call, nowMs - DAY_MS);
  if (range === undefined) return refuse(400, 'validation_error', 'start and end must be ISO 8601 dates');
  const requestId = call.query.get('request_id');
  const rows = deps.runs
    .all()
    .filter((run) => ids.includes(run.endpoint) && run.input['sync_mode'] !== true)
    .filter((run) => deps.history.isListed(run, asOfMs, lagMs))
    .filter((run) => run.acceptedAtMs >= range.startMs && run.acceptedAtMs < range.endMs)
    .filter((run) => requestId === null || run.id === requestId)
    .reverse()
    .sort((a, b) => endOf(b) - endOf(a));
  const withPayloads = call.query.getAll('expand').some((text) => text.split(',').includes('payloads'));
  return page(call, rows, maxPage, 'items', (run) => {
    const started = run.startedAtMs !== undefined && run.startedAtMs <= asOfMs ? run.startedAtMs : undefined;
    const ended = run.endedAtMs !== undefined && run.endedAtMs <= asOfMs ? run.endedAtMs : undefined;
    return {
      request_id: run.id,
      endpoint_id: run.endpoint,
      sent_at: iso(run.acceptedAtMs),
      started_at: started === undefined ? null : iso(started),
      ended_at: ended === undefined ? null : iso(ended),
      status_code: ended === undefined ? null : (statusCodeOf(run) ?? null),
      duration: ended === undefined || started === undefined ? null : (ended - started) / 1000,
      ...(withPayloads
        ? {
            json_input: deps.history.inputOf(run, deps.endpoints.get(run.endpoint)),
            json_output: ended === undefined ? null : resultBody(deps, run),
          }
        : {}),
    };
  });
}

function billing(deps: PlatformDeps, call: Call): Reply {
  if (!deps.authorized(call)) return unauthorized();
  if (!deps.authorizedAdmin(call)) {
    return refuse(403, 'authorization_error', 'Billing events need a key with admin scope');
  }
  const ids = call.query.getAll('request_id').flatMap((text) => text.split(','));
  if (ids.length > MAX_IDS) return refuse(400, 'validation_error', `At most ${MAX_IDS} request ids`);
  const range = rangeOf(call, deps.clock() - BILLING_DAYS * DAY_MS);
  if (range === undefined) return refuse(400, 'validation_error', 'start and end must be ISO 8601 dates');
  const rows = deps.runs
    .all()
    .filter((run) => run.chargedMicroUsd > 0 && run.endedAtMs !== undefined)
    .filter((run) => ids.length === 0 || ids.includes(run.id))
    .filter((run) => {
      const endedAtMs = run.endedAtMs ?? 0;
      const visible = endedAtMs + deps.billingLagMs <= deps.clock();
      return visible && endedAtMs >= range.startMs && endedAtMs < range.endMs;
    })
    .reverse();
  return page(call, rows, MAX_PAGE, 'billing_events', (run) => billingRow(deps, run));
}

function billingRow(deps: PlatformDeps, run: Run) {
  const unit = deps.endpoints.get(run.endpoint)?.unit;
  const unitPrice: MicroUsd = unit?.priceMicroUsd ?? 0;
  const costMicroUsd = (run.chargedMicroUsd * (100 - deps.percentDiscount)) / 100;
  return {
    request_id: run.id,
    endpoint_id: run.endpoint,
    timestamp: iso(run.endedAtMs ?? run.acceptedAtMs),
    output_units: run.units,
    unit: unit?.name ?? 'units',
    unit_price: toUsd(unitPrice),
    percent_discount: deps.percentDiscount,
    cost_total: toUsd(costMicroUsd),
    cost_estimate_nano_usd: Math.round(costMicroUsd * 1000),
  };
}

/** A cursor is the number of the next page, as at fal: rows that arrive between two reads shift the pages. */
function page(
  call: Call,
  rows: readonly Run[],
  maxPage: number,
  name: string,
  toRow: (run: Run) => unknown,
): Reply {
  const limit = Number(call.query.get('limit') ?? DEFAULT_PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    return refuse(400, 'validation_error', `limit must be a whole number from 1 to ${MAX_PAGE}`);
  }
  const cursor = call.query.get('cursor');
  const number = cursor === null ? 1 : Number(Buffer.from(cursor, 'base64').toString('utf8'));
  if (!Number.isInteger(number) || number < 1) return refuse(400, 'validation_error', 'cursor is not valid');
  const size = Math.min(limit, maxPage);
  const shown = rows.slice((number - 1) * size, number * size);
  const hasMore = rows.length > number * size;
  const nextCursor = hasMore ? Buffer.from(String(number + 1)).toString('base64') : null;
  return jsonReply(200, { [name]: shown.map(toRow), next_cursor: nextCursor, has_more: hasMore });
}

function endOf(run: Run): number {
  // Not Infinity: the difference of two would be no number.
  return run.endedAtMs ?? Number.MAX_SAFE_INTEGER;
}

function rangeOf(call: Call, defaultStartMs: number): { startMs: number; endMs: number } | undefined {
  const start = call.query.get('start');
  const end = call.query.get('end');
  const startMs = start === null ? defaultStartMs : Date.parse(start);
  const endMs = end === null ? Number.POSITIVE_INFINITY : Date.parse(end);
  return Number.isNaN(startMs) || Number.isNaN(endMs) ? undefined : { startMs, endMs };
}

function unknownRequest(call: Call) {
  return {
    method: call.method,
    path: call.path,
    requestId: undefined,
    endpoint: call.query.get('endpoint_id') ?? undefined,
    input: undefined,
    phase: undefined,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function unauthorized(): Reply {
  return refuse(401, 'authentication_error', 'The API key is missing or not valid');
}

function refuse(status: number, type: string, message: string): Reply {
  return jsonReply(status, { error: { type, message } });
}
