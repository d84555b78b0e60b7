import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';
import { type Clock, optional } from '../base/time.ts';
import type { FalAnswer, FalHttp } from './http.ts';
import { FAL_SKEW_MS } from './limits.ts';
import { createPages, falRequestId, falTime } from './pages.ts';
import { type FalOutput, falOutput } from './queue.ts';

/** fal's platform API: what it knows of a request afterwards, and its prices. */
export interface FalPlatform {
  /**
   * Every entry of the endpoint's history that was sent within the window; all pages. Rejects with a FalError, a
   * MalformedError or a ZodError when any page cannot be had: then nothing is known.
   */
  read(endpoint: string, window: Window, signal?: AbortSignal): Promise<Reading>;
  /** One request of the history; undefined where the list, read in full, does not hold it. */
  findById(
    endpoint: string,
    requestId: string,
    window: Window,
    signal?: AbortSignal,
  ): Promise<HistoryEntry | undefined>;
  /** What one billable unit costs, in US dollars; undefined where fal does not say. Kept for an hour. */
  unitPriceUsd(endpoint: string, signal?: AbortSignal): Promise<number | undefined>;
}

/** What `reconcile` asks of the same history. */
export interface FalHistory {
  /** Those of these requests that the endpoint's history shows, by their id, with their input; all pages. */
  findByIds(
    endpoint: string,
    requestIds: ReadonlySet<string>,
    window: Window,
    signal?: AbortSignal,
  ): Promise<Map<string, HistoryEntry & { readonly input: unknown }>>;
}

/** Milliseconds since 1970. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** fal's list of requests, read once and in full. */
export interface Reading {
  /** By the time they were sent. */
  readonly entries: readonly SeenEntry[];
  /** When its first page was asked for, ms since 1970 by our clock. */
  readonly begunAtMs: number;
  /** By how much fal's clock is ahead of ours at most, from 0 on. */
  readonly falAheadMs: number;
}

export interface SeenEntry {
  readonly requestId: string;
  /** By fal's clock, ms since 1970, as the other two. */
  readonly sentAtMs: number;
  /** The last of the times that fal gives it: it was sent, it started, it ended. */
  readonly lastAtMs: number;
  /** Its input as fal shows it, whatever that is. */
  readonly shown: unknown;
}

export interface HistoryEntry {
  readonly requestId: string;
  readonly sentAtMs: number;
  readonly statusCode: number | undefined;
  readonly output: FalOutput | undefined;
}

const row = z.object({
  request_id: falRequestId,
  sent_at: falTime,
  started_at: falTime.nullish(),
  ended_at: falTime.nullish(),
  status_code: z.number().nullish(),
  json_input: z.unknown(),
  json_output: z.unknown(),
});
const pricing = z.object({
  prices: z.array(z.object({ endpoint_id: z.string(), unit_price: z.number().min(0), currency: z.string() })),
});

export interface FalPlatformDeps {
  readonly http: FalHttp;
  readonly key: string;
  readonly apiUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export function createFalPlatform({
  http,
  key,
  apiUrl,
  timeoutMs,
  clock,
}: FalPlatformDeps): FalPlatform & FalHistory {
  const prices = new LRUCache<string, { price: number | undefined }>({ max: 100, ttl: 3_600_000 });

  async function get(
    call: 'list' | 'pricing',
    path: string,
    query: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<FalAnswer> {
    return await http({
      call,
      url: `${apiUrl}/v1${path}?${new URLSearchParams(query)}`,
      method: 'GET',
      headers: { authorization: `Key ${key}`, accept: 'application/json' },
      timeoutMs,
      ...optional(signal),
    });
  }

  async function* pages(endpoint: string, { fromMs, toMs }: Window, signal?: AbortSignal) {
    const nextCursor = createPages("fal's list of requests");
    let cursor: string | undefined;
    do {
      const answer = await get(
        'list',
        '/models/requests/by-endpoint',
        {
          endpoint_id: endpoint,
          start: new Date(fromMs).toISOString(),
          end: new Date(toMs).toISOString(),
          limit: '100',
          expand: 'payloads',
          ...(cursor === undefined ? {} : { cursor }),
        },
        signal,
      );
      const body: unknown = JSON.parse(answer.text);
      yield { rows: rowsOf(body), dateMs: answer.dateMs };
      cursor = nextCursor(body);
    } while (cursor !== undefined);
  }

  async function* history(endpoint: string, window: Window, signal?: AbortSignal) {
    for await (const { rows } of pages(endpoint, window, signal)) yield* rows;
  }

  return {
    async read(endpoint, window, signal) {
      const begunAtMs = clock();
      const entries = new Map<string, SeenEntry>();
      let falAheadMs: number | undefined;
      for await (const { rows, dateMs } of pages(endpoint, window, signal)) {
        falAheadMs ??= aheadMs(dateMs, begunAtMs);
        // A row that arrives between two pages shifts them, and so one may come twice.
        for (const one of rows) entries.set(one.request_id, seenOf(one));
      }
      return {
        entries: [...entries.values()].sort((one, other) => one.sentAtMs - other.sentAtMs),
        begunAtMs,
        falAheadMs: falAheadMs ?? FAL_SKEW_MS,
      };
    },

    async findById(endpoint, requestId, window, signal) {
      for await (const one of history(endpoint, window, signal)) {
        if (one.request_id === requestId) return entryOf(one);
      }
      return undefined;
    },

    async findByIds(endpoint, requestIds, window, signal) {
      const found = new Map<string, HistoryEntry & { readonly input: unknown }>();
      if (requestIds.size === 0) return found;
      for await (const one of history(endpoint, window, signal)) {
        if (requestIds.has(one.request_id))
          found.set(one.request_id, { ...entryOf(one), input: one.json_input });
        if (found.size === requestIds.size) break;
      }
      return found;
    },

    async unitPriceUsd(endpoint, signal) {
      const known = prices.get(endpoint);
      if (known !== undefined) return known.price;
      const { text } = await get('pricing', '/models/pricing', { endpoint_id: endpoint }, signal);
      const listed = pricing
        .parse(JSON.parse(text))
        .prices.find((one) => one.endpoint_id === endpoint && one.currency.toUpperCase() === 'USD');
      const price = listed?.unit_price;
      prices.set(endpoint, { price });
      return price;
    },
  };
}

/** The name of the list is not documented: it is the one array of the answer. */
function rowsOf(answer: unknown): z.infer<typeof row>[] {
  const lists = Object.values(Object(answer)).filter((value) => Array.isArray(value));
  if (lists.length !== 1)
    throw new MalformedError("fal's list of requests has not the shape that it documents.");
  return z.array(row).parse(lists[0]);
}

/** Its date says whole seconds. One from a cache, or none, proves nothing. */
function aheadMs(dateMs: number | undefined, askedAtMs: number): number {
  if (dateMs === undefined) return FAL_SKEW_MS;
  return Math.min(FAL_SKEW_MS, Math.max(0, dateMs + 1_000 - askedAtMs));
}

function seenOf({ request_id, sent_at, started_at, ended_at, json_input }: z.infer<typeof row>): SeenEntry {
  const times = [sent_at, started_at, ended_at].flatMap((text) => (text == null ? [] : [Date.parse(text)]));
  return {
    requestId: request_id,
    sentAtMs: Date.parse(sent_at),
    lastAtMs: Math.max(...times),
    shown: json_input,
  };
}

function entryOf(one: z.infer<typeof row>): HistoryEntry {
  const output = falOutput.safeParse(one.json_output);
  return {
    requestId: one.request_id,
    sentAtMs: Date.parse(one.sent_at),
    statusCode: one.status_code ?? undefined,
    output: output.success ? output.data : undefined,
  };
}
