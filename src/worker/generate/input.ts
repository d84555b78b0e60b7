import { type LatencyKind, latencyKindOf } from '../../shared/latencies.ts';
import { wireValues } from '../../shared/models/wire.ts';
import type { Work } from '../house.ts';
import type { FalInput } from './fal.ts';

/** Exactly what is POSTed, and what fal's history shows as `json_input`. */
export function inputOf(
  { row, model }: { readonly row: Pick<Work['row'], 'prompt' | 'input'>; readonly model: Work['model'] },
  numImages: number,
): FalInput {
  return {
    [model.prompt.input]: row.prompt,
    ...wireValues(model, row.input),
    [model.images.input]: numImages,
  };
}

export function latencyKind({ row }: Work, numImages: number): LatencyKind {
  return latencyKindOf(row.model, row.input, numImages);
}
