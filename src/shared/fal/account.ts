import { z } from 'zod';
import { timed } from '../base/clocks.ts';
import { MalformedError } from '../base/errors.ts';
import { fromUsd, type MicroUsd } from '../base/money.ts';
import type { Clock } from '../base/time.ts';
import { FalError } from './errors.ts';
import type { FalAnswer, FalHttp } from './http.ts';
import { createPages } from './pages.ts';

/** What fal's platform API says of an endpoint, of a key and of the time. Every call is a GET, and costs nothing. */
export interface FalFacts {
  /** Needs the key. undefined where fal lists no price of the endpoint in US dollars. */
  price(endpoint: string, signal: AbortSignal): Promise<FalPrice | undefined>;
  /** Needs no key. undefined where fal has no such endpoint. */
  endpoint(endpoint: string, signal: AbortSignal): Promise<FalEndpoint | undefined>;
  /** Whether a key may read billing events. */
  mayReadBilling(adminKey: string, signal: AbortSignal): Promise<boolean>;
  /** fal's clock and ours; undefined where the answer has no date. */
  time(signal: AbortSignal): Promise<{ theirsMs: number; beforeMs: number; afterMs: number } | undefined>;
}

export interface FalPrice {
  readonly microUsd: MicroUsd;
  /** fal's word for what one costs, such as `image`. */
  readonly unit: string;
}

export interface FalEndpoint {
  /** fal's word, such as `active`; undefined where it says none. */
  readonly status: string | undefined;
}

export interface FalFactsDeps {
  readonly http: FalHttp;
  readonly key: string | undefined;
  readonly apiUrl: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Any that fal has: its answer tells the time. */
  readonly anyEndpoint: string;
}

const pricing = z.object({
  prices: z.array(
    z.object({
      endpoint_id: z.string(),
      unit_price: z.number().min(0),
      unit: z.string().nullish(),
      currency: z.string(),
    }),
  ),
});
const models = z.object({
  models: z.array(
    z.object({
      endpoint_id: z.string(),
      status: z.string().nullish(),
      metadata: z.object({ status: z.string().nullish() }).nullish(),
    }),
  ),
});

const bill = z.object({ billing_events: z.array(z.unknown()) });

const HOUR_MS = 3_600_000;

export function createFalFacts({ http, key, apiUrl, timeoutMs, clock, anyEndpoint }: FalFactsDeps): FalFacts {
  const get = (
    path: string,
    query: Readonly<Record<string, string>>,
    withKey: string | undefined,
    signal: AbortSignal,
  ): Promise<FalAnswer> =>
    http({
      call: 'pricing',
      url: `${apiUrl}/v1${path}?${new URLSearchParams(query)}`,
      method: 'GET',
      headers: {
        accept: 'application/json',
        ...(withKey === undefined ? {} : { authorization: `Key ${withKey}` }),
      },
      timeoutMs,
      signal,
    });

  return {
    async price(endpoint, signal) {
      const answer = await get('/models/pricing', { endpoint_id: endpoint }, key, signal);
      const listed = parse(pricing, answer.text).prices.find(
        (one) => one.endpoint_id === endpoint && one.currency.toUpperCase() === 'USD',
      );
      if (listed === undefined) {
        assertWhole(answer, "fal's list of prices");
        return undefined;
      }
      return { microUsd: fromUsd(listed.unit_price), unit: listed.unit ?? 'unit' };
    },

    async endpoint(endpoint, signal) {
      try {
        const answer = await get('/models', { endpoint_id: endpoint }, undefined, signal);
        const listed = parse(models, answer.text).models.find((one) => one.endpoint_id === endpoint);
        if (listed === undefined) {
          assertWhole(answer, "fal's list of models");
          return undefined;
        }
        return { status: listed.metadata?.status ?? listed.status ?? undefined };
      } catch (error) {
        if (error instanceof FalError && error.fault.status === 404) return undefined;
        throw error;
      }
    },

    async mayReadBilling(adminKey, signal) {
      const nowMs = clock();
      const query = {
        start: new Date(nowMs - HOUR_MS).toISOString(),
        end: new Date(nowMs).toISOString(),
        limit: '1',
      };
      try {
        parse(bill, (await get('/models/billing-events', query, adminKey, signal)).text);
        return true;
      } catch (error) {
        if (!(error instanceof FalError) || error.fault.kind !== 'http') throw error;
        const { status } = error.fault;
        if (status === 401 || status === 403) return false;
        // A quarrel about the query comes after the key was let in.
        if (status === 400 || status === 422) return true;
        throw error;
      }
    },

    async time(signal) {
      const { answer, beforeMs, afterMs } = await timed(
        clock,
        async () => await get('/models', { endpoint_id: anyEndpoint }, undefined, signal),
      );
      return answer.dateMs === undefined ? undefined : { theirsMs: answer.dateMs, beforeMs, afterMs };
    },
  };
}

/** What is not in a part of a list may be in the rest of it. */
function assertWhole(answer: FalAnswer, what: string): void {
  if (createPages(what)(JSON.parse(answer.text)) !== undefined)
    throw new MalformedError(`${what} goes on, though one endpoint alone was asked for.`);
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new MalformedError("fal's answer does not have the shape that it is documented to have.", {
    cause: parsed.error,
  });
}
