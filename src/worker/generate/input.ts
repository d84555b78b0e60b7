import type { Work } from '../house.ts';
import type { FalInput } from './fal.ts';

/** Exactly what is POSTed, and what fal's history shows as `json_input`. */
export function inputOf({ row, model }: Pick<Work, 'row' | 'model'>, numImages: number): FalInput {
  return { [model.prompt.input]: row.prompt, ...row.input, [model.images.input]: numImages };
}

/** Model, quality, size and number of images decide how long a request takes. */
export function latencyKind({ row }: Work, numImages: number): string {
  return [row.model, row.input['quality'] ?? '', row.input['image_size'] ?? '', numImages].join('|');
}
