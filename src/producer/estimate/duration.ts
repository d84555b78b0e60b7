import type { Model } from '../../shared/models/model.ts';
import type { Latency, LatencyKind } from '../../shared/redis/latencies.ts';
import { latencyKindOf } from '../../shared/redis/latencies.ts';
import type { WrittenRow } from '../plan/writer.ts';

interface KindOfRequests {
  readonly model: Model;
  requests: number;
}

/** Counts what fal is asked for by how long it takes: a few kinds, whatever the list. */
export class RequestKinds {
  readonly #kinds = new Map<LatencyKind, KindOfRequests>();

  add({ shot, input, requests }: Pick<WrittenRow, 'shot' | 'input' | 'requests'>): void {
    for (const { kind, indices } of requests) {
      if (kind !== 'pay') continue;
      const name = latencyKindOf(shot.model.endpoint, input, indices.length);
      const known = this.#kinds.get(name) ?? { model: shot.model, requests: 0 };
      known.requests += 1;
      this.#kinds.set(name, known);
    }
  }

  kinds(): ReadonlyMap<LatencyKind, Readonly<KindOfRequests>> {
    return this.#kinds;
  }
}

export interface FinishDeps {
  /** What was learned of a kind; undefined where nothing was. */
  readonly latencyOf: (kind: LatencyKind) => Promise<Latency | undefined>;
  /** Requests in flight over all workers. */
  readonly concurrency: number;
  readonly submitRate: { readonly max: number; readonly durationMs: number };
}

/** How long fal takes for a list, were there room on every cap and nothing else in its queue. */
export interface Finish {
  readonly seconds: number;
  /** What would have to be raised to be done sooner. */
  readonly binds: 'slots' | 'submit-rate';
  /** Of how much of the requests the latency was learned; that of the rest is the model file's. */
  readonly learned: 'all' | 'some' | 'none';
}

/** undefined where nothing is asked of fal. */
export async function finishOf(
  kinds: ReadonlyMap<LatencyKind, Readonly<KindOfRequests>>,
  { latencyOf, concurrency, submitRate }: FinishDeps,
): Promise<Finish | undefined> {
  let requests = 0;
  let learned = 0;
  let totalMs = 0;
  let longestMs = 0;
  for (const [kind, { model, requests: ofKind }] of kinds) {
    const latency = await latencyOf(kind);
    const eachMs = latency?.meanMs ?? model.latency.p50Ms;
    if (latency !== undefined) learned += ofKind;
    requests += ofKind;
    totalMs += eachMs * ofKind;
    longestMs = Math.max(longestMs, eachMs);
  }
  if (requests === 0) return undefined;
  const bySlotsMs = Math.max(longestMs, totalMs / concurrency);
  // The last one leaves when all others have, and then it runs.
  const byRateMs = ((requests - 1) * submitRate.durationMs) / submitRate.max + longestMs;
  return {
    seconds: Math.ceil(Math.max(bySlotsMs, byRateMs) / 1_000),
    // By what each lets through: of a list that fits into the slots at once, the rate decides a moment and no more.
    binds:
      totalMs / requests / concurrency < submitRate.durationMs / submitRate.max ? 'submit-rate' : 'slots',
    learned: learned === requests ? 'all' : learned === 0 ? 'none' : 'some',
  };
}
