import { canonicalAddress, canonicalText } from '../fal/compare-input.ts';
import type { FalInput } from '../fal/queue.ts';
import { wireValues } from '../models/wire.ts';
import { type LatencyKind, latencyKindOf } from '../redis/latencies.ts';
import { rivalHashOf } from '../store/keys.ts';
import type { Work } from './steps.ts';

interface Asked {
  readonly row: Pick<Work['row'], 'prompt' | 'input'>;
  readonly model: Work['model'];
}

/** Exactly what is POSTed. */
export function inputOf({ row, model }: Asked, numImages: number): FalInput {
  return {
    [model.prompt.input]: row.prompt,
    ...wireValues(model, row.input),
    [model.images.input]: numImages,
  };
}

/**
 * Requests of one hash may be taken for each other in fal's history. Of the endpoint, the prompt and the images alone:
 * of two inputs one may be a part of the other, as fal shows them.
 */
export function rivalHash({ row, model }: Asked): string {
  const images = Object.values(row.input)
    .flatMap((value) => (typeof value === 'string' ? (canonicalAddress(value.trim()) ?? []) : []))
    .sort();
  return rivalHashOf(model.endpoint, canonicalText(row.prompt), images);
}

export function latencyKind({ row }: Work, numImages: number): LatencyKind {
  return latencyKindOf(row.model, row.input, numImages);
}
