import { z } from 'zod';
import type { ModelValues } from '../models/model.ts';
import type { Redis } from './redis.ts';

/** How long requests of one kind take at fal, from the POST to done, queueing there included. */
export interface Latency {
  readonly meanMs: number;
  /** Mean distance from the mean. */
  readonly deviationMs: number;
}

/** Model, quality, size and number of images decide how long a request takes. */
export type LatencyKind = string;

/** `input`: fal's inputs but the prompt, as the plan has them. */
export function latencyKindOf(endpoint: string, input: ModelValues, numImages: number): LatencyKind {
  return [endpoint, input['quality'] ?? '', input['image_size'] ?? '', numImages].join('|');
}

const stored = z.object({ m: z.number().min(0), d: z.number().min(0) });

/**
 * Learned over all workers, so that the first read of a status comes when it is likely to be done. A lost or doubled
 * sample does no harm, so the numbers are written without a lock.
 */
export class Latencies {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #known = new Map<LatencyKind, Latency>();

  constructor({ redis, prefix }: { redis: Redis; prefix: string }) {
    this.#redis = redis;
    this.#key = `${prefix}:latency`;
  }

  /** undefined where none of its kind was seen yet. */
  async of(kind: LatencyKind): Promise<Latency | undefined> {
    const known = this.#known.get(kind);
    if (known !== undefined) return known;
    const text = await this.#redis.hget(this.#key, kind);
    if (text === null) return undefined;
    const parsed = stored.safeParse(parseJson(text));
    // Not ours, or damaged: learned again. No money hangs on it.
    if (!parsed.success) return undefined;
    const latency = { meanMs: parsed.data.m, deviationMs: parsed.data.d };
    this.#known.set(kind, latency);
    return latency;
  }

  async learn(kind: LatencyKind, sampleMs: number): Promise<void> {
    const next = blend(await this.of(kind), sampleMs);
    this.#known.set(kind, next);
    await this.#redis.hset(
      this.#key,
      kind,
      JSON.stringify({ m: Math.round(next.meanMs), d: Math.round(next.deviationMs) }),
    );
  }
}

/** The smoothing of TCP's round-trip estimate (RFC 6298): an eighth of each new sample, a quarter of its distance. */
export function blend(before: Latency | undefined, sampleMs: number): Latency {
  if (before === undefined) return { meanMs: sampleMs, deviationMs: sampleMs / 4 };
  const distance = Math.abs(sampleMs - before.meanMs);
  return {
    meanMs: before.meanMs + (sampleMs - before.meanMs) / 8,
    deviationMs: before.deviationMs + (distance - before.deviationMs) / 4,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
