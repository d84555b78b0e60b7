import { type Model, type ModelValues, matches } from './model.ts';

/** What a picture must be, by what was asked of the model. */
export interface ExpectedPicture {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly transparent: boolean;
}

export function expectedOf({ seen }: Model, values: ModelValues): ExpectedPicture {
  const size = /^(\d+)x(\d+)$/.exec(String(seen.size === undefined ? '' : values[seen.size]));
  return {
    width: size === null ? undefined : Number(size[1]),
    height: size === null ? undefined : Number(size[2]),
    transparent: seen.transparent !== undefined && matches(seen.transparent, values),
  };
}
