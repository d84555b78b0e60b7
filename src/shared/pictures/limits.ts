import type { Model } from '../models/model.ts';
import { PICTURE_LIMITS, type PictureLimits } from './formats.ts';

/** Above the pixels of the largest picture, for what a file holds beside them. */
const BESIDE_BYTES = 1_048_576;

/** What a model's pictures are at most: by the sizes that its file names, and never above what a render child can hold. */
export function pictureLimitsOf({ seen, inputs }: Pick<Model, 'seen' | 'inputs'>): PictureLimits {
  const sizes = (inputs.find(({ name }) => name === seen.size)?.options ?? []).flatMap((option) => {
    const match = /^(\d+)x(\d+)$/.exec(option);
    return match === null ? [] : [{ width: Number(match[1]), height: Number(match[2]) }];
  });
  if (sizes.length === 0) return PICTURE_LIMITS;
  const pixels = Math.max(...sizes.map(({ width, height }) => width * height));
  const side = Math.max(...sizes.map(({ width, height }) => Math.max(width, height)));
  return {
    maxBytes: Math.min(PICTURE_LIMITS.maxBytes, 4 * pixels + BESIDE_BYTES),
    maxPixels: Math.min(PICTURE_LIMITS.maxPixels, pixels),
    maxSide: Math.min(PICTURE_LIMITS.maxSide, side),
  };
}
