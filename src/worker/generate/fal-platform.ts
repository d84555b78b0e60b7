import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { MalformedError } from '../../shared/errors.ts';
import { optional } from '../../shared/time.ts';
import { type FalInput, type FalOutput, falOutput } from './fal.ts';
import type { FalHttp } from './fal-http.ts';
import { createPages, falTime } from './fal-pages.ts';

/** fal's platform API: what it knows of a request afterwards, and its prices. */
export interface FalPlatform {
  /**
   * Every entry of the endpoint's history with exactly this input, sent within the window; all pages. Rejects with a
   * FalError when any page cannot be had: then nothing is known.
   */
  findByInput(
    endpoint: string,
    input: FalInput,
    window: Window,
    signal?: AbortSignal,
  ): Promise<HistoryEntry[]>;
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

export interface HistoryEntry {
  readonly requestId: string;
  readonly sentAtMs: number;
  readonly statusCode: number | undefined;
  readonly output: FalOutput | undefined;
}

const row = z.object({
  request_id: z.string(),
  sent_at: falTime,
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
}

export function createFalPlatform({
  http,
  key,
  apiUrl,
  timeoutMs,
}: FalPlatformDeps): FalPlatform & FalHistory {
  const prices = new LRUCache<string, { price: number | undefined }>({ max: 100, ttl: 3_600_000 });

  async function get(
    call: 'list' | 'pricing',
    path: string,
    query: Record<string, string>,
    signal?: AbortSignal,
  ) {
    const answer = await http({
      call,
      url: `${apiUrl}/v1${path}?${new URLSearchParams(query)}`,
      method: 'GET',
      headers: { authorization: `Key ${key}`, accept: 'application/json' },
      timeoutMs,
      ...optional(signal),
    });
    return JSON.parse(answer.text) as unknown;
  }

  async function* history(endpoint: string, { fromMs, toMs }: Window, signal?: AbortSignal) {
    const nextCursor = createPages("fal's list of requests");
    let cursor: string | undefined;
    do {
      const answer: unknown = await get(
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
      yield* rowsOf(answer);
      cursor = nextCursor(answer);
    } while (cursor !== undefined);
  }

  return {
    async findByInput(endpoint, input, window, signal) {
      const found: HistoryEntry[] = [];
      for await (const one of history(endpoint, window, signal)) {
        if (isDeepStrictEqual(one.json_input, input)) found.push(entryOf(one));
      }
      return found.sort((a, b) => a.sentAtMs - b.sentAtMs);
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
      const answer = pricing.parse(
        await get('pricing', '/models/pricing', { endpoint_id: endpoint }, signal),
      );
      const listed = answer.prices.find(
        (one) => one.endpoint_id === endpoint && one.currency.toUpperCase() === 'USD',
      );
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

function entryOf(one: z.infer<typeof row>): HistoryEntry {
  const output = falOutput.safeParse(one.json_output);
  return {
    requestId: one.request_id,
    sentAtMs: Date.parse(one.sent_at),
    statusCode: one.status_code ?? undefined,
    output: output.success ? output.data : undefined,
  };
}
