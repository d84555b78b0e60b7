import { z } from 'zod';
import { MalformedError, UserError } from '../base/errors.ts';
import { fromUsd, type MicroUsd } from '../base/money.ts';
import { optional } from '../base/time.ts';
import { FalError } from './errors.ts';
import type { Window } from './history.ts';
import type { FalHttp } from './http.ts';
import { createPages, falRequestId, falTime } from './pages.ts';

/** What fal charged for one request. */
export interface BookEvent {
  readonly requestId: string;
  readonly endpoint: string;
  /** ms since 1970. */
  readonly atMs: number;
  /** After all discounts. */
  readonly costMicroUsd: MicroUsd;
}

/** fal's bill. Rejects with a `UserError` that says what to do when it cannot be read in full. */
export interface Billing {
  /** Every request charged within the window; all pages. */
  charged(window: Window, signal?: AbortSignal): Promise<BookEvent[]>;
  /** Of these requests those that were charged. */
  chargedFor(requestIds: readonly string[], window: Window, signal?: AbortSignal): Promise<BookEvent[]>;
}

export interface BillingDeps {
  readonly http: FalHttp;
  /** Of admin scope. */
  readonly adminKey: string;
  readonly apiUrl: string;
  readonly timeoutMs: number;
}

const MAX_IDS = 50;

const row = z
  .object({
    request_id: falRequestId,
    endpoint_id: z.string(),
    timestamp: falTime,
    cost_total: z.number().nullish(),
    cost_estimate_nano_usd: z.number().nullish(),
  })
  .refine((one) => one.cost_total != null || one.cost_estimate_nano_usd != null, 'an event without its cost');
type Row = z.infer<typeof row>;

const page = z.object({ billing_events: z.array(row) });

export function createBilling({ http, adminKey, apiUrl, timeoutMs }: BillingDeps): Billing {
  async function readPage(
    query: URLSearchParams,
    nextCursor: (answer: unknown) => string | undefined,
    signal: AbortSignal | undefined,
  ) {
    try {
      const answer = await http({
        call: 'billing',
        url: `${apiUrl}/v1/models/billing-events?${query}`,
        method: 'GET',
        headers: { authorization: `Key ${adminKey}`, accept: 'application/json' },
        timeoutMs,
        ...optional(signal),
      });
      const told: unknown = JSON.parse(answer.text);
      return { events: page.parse(told).billing_events, next: nextCursor(told) };
    } catch (error) {
      signal?.throwIfAborted();
      throw unreadable(error);
    }
  }

  async function all(window: Window, requestIds: readonly string[], signal: AbortSignal | undefined) {
    const rows: Row[] = [];
    const nextCursor = createPages("fal's bill");
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({
        start: new Date(window.fromMs).toISOString(),
        end: new Date(window.toMs).toISOString(),
        limit: '100',
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const requestId of requestIds) query.append('request_id', requestId);
      const { events, next } = await readPage(query, nextCursor, signal);
      rows.push(...events);
      cursor = next;
    } while (cursor !== undefined);
    return summed(rows);
  }

  return {
    charged: (window, signal) => all(window, [], signal),
    async chargedFor(requestIds, window, signal) {
      const found: BookEvent[] = [];
      for (let at = 0; at < requestIds.length; at += MAX_IDS)
        found.push(...(await all(window, requestIds.slice(at, at + MAX_IDS), signal)));
      return found;
    },
  };
}

/** One a request. A row that arrives between two reads shifts the pages, and so the same row may come twice. */
export function summed(rows: readonly Row[]): BookEvent[] {
  const seen = new Set<string>();
  const events = new Map<string, BookEvent>();
  for (const one of rows) {
    const text = JSON.stringify([one.request_id, one.timestamp, one.cost_total, one.cost_estimate_nano_usd]);
    if (seen.has(text)) continue;
    seen.add(text);
    const before = events.get(one.request_id);
    const atMs = Date.parse(one.timestamp);
    events.set(one.request_id, {
      requestId: one.request_id,
      endpoint: one.endpoint_id,
      atMs: Math.max(atMs, before?.atMs ?? atMs),
      costMicroUsd: costOf(one) + (before?.costMicroUsd ?? 0),
    });
  }
  return [...events.values()];
}

function costOf({ cost_total, cost_estimate_nano_usd }: Row): MicroUsd {
  if (cost_total != null) return fromUsd(cost_total);
  return Math.round((cost_estimate_nano_usd ?? 0) / 1_000);
}

function unreadable(error: unknown): UserError {
  const status = error instanceof FalError ? error.fault.status : undefined;
  if (status === 401 || status === 403) {
    return new UserError(
      'no_admin_key',
      "fal refuses its billing events to this FAL_ADMIN_KEY: make a key of admin scope on fal's dashboard.",
      { cause: error },
    );
  }
  const isTold = error instanceof FalError || error instanceof MalformedError;
  const why = isTold ? error.message.replace(/\.$/, '') : 'the answer is not what fal documents';
  return new UserError(
    'billing_away',
    `fal's billing events cannot be read (${why}); nothing was changed, run it again later.`,
    { cause: error },
  );
}
