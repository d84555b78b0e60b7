import { type Model, type ModelValues, matches } from './model.ts';
import { sizeOf } from './wire.ts';

/** What a picture must be, by what was asked of the model. */
export interface ExpectedPicture {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly transparent: boolean;
}

export function expectedOf({ seen }: Model, values: ModelValues): ExpectedPicture {
  const size = sizeOf(String(seen.size === undefined ? '' : values[seen.size]));
  return {
    width: size?.width,
    height: size?.height,
    transparent: seen.transparent !== undefined && matches(seen.transparent, values),
  };
}
