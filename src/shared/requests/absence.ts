import type { ComparedModel, Comparison, Control, Input, Likeness } from '../fal/compare-input.ts';
import { compareInput, promptLength } from '../fal/compare-input.ts';
import type { Model } from '../models/model.ts';

export interface AbsenceLimits {
  readonly startTimeoutS: number;
  /** `FAL_UNKNOWN_MARGIN_S`; undefined: by the model. */
  readonly unknownMarginS: number | undefined;
  readonly postWindowMs: number;
}

/** How late fal's list may be with a run that has ended. */
const LIST_LAG_S = 180;
const LEAST_MARGIN_S = 300;

/** The model's longest run and the lag of fal's list, in seconds: with less a lost submit may count as absent too early. */
export function leastMarginS({ latency }: Pick<Model, 'latency'>): number {
  return Math.max(LEAST_MARGIN_S, Math.ceil(latency.maxMs / 1_000) + LIST_LAG_S);
}

/** undefined where the setting is at least what the model needs, or unset. */
export function marginWarning(
  setS: number | undefined,
  model: Pick<Model, 'latency' | 'alias'>,
): { readonly message: string; readonly mend: string } | undefined {
  const leastS = leastMarginS(model);
  if (setS === undefined || setS >= leastS) return undefined;
  return {
    message: `FAL_UNKNOWN_MARGIN_S is ${setS}, and ${model.alias} needs ${leastS}: a lost answer may count as absent while its run goes on, and be paid for twice.`,
    mend: 'Unset FAL_UNKNOWN_MARGIN_S, or raise it.',
  };
}

/** The same for all models, each in one text. */
export function marginWarnings(setS: number | undefined, models: readonly Model[]): readonly string[] {
  return models.flatMap((model) => {
    const said = marginWarning(setS, model);
    return said === undefined ? [] : [`${said.message} ${said.mend}`];
  });
}

/** T, ms since 1970: when fal can no longer start what was sent with this intent, nor its list be late with it. */
export function provenFrom(
  intentAtMs: number,
  { postWindowMs, startTimeoutS, unknownMarginS }: AbsenceLimits,
  model: Pick<Model, 'latency'>,
): number {
  return intentAtMs + postWindowMs + (startTimeoutS + (unknownMarginS ?? leastMarginS(model))) * 1_000;
}

/**
 * The entries that may be taken, in order. `isSettled`: T is past, and the list shows something that happened after it; then
 * rivals are not asked, and so nothing is taken past an unclear entry. That one may be ours, and the later one a rival's,
 * whose window does not reach back to ours.
 */
export function toAdopt<T extends { readonly foundByOther: boolean; readonly likeness: Likeness }>(
  sightings: readonly T[],
  isSettled: boolean,
): readonly T[] {
  const free = sightings.filter(({ foundByOther, likeness }) => !foundByOther && likeness !== 'other');
  const firstUnclear = free.findIndex(({ likeness }) => likeness === 'unclear');
  const upTo = isSettled && firstUnclear >= 0 ? free.slice(0, firstUnclear) : free;
  return upTo.filter(({ likeness }) => likeness === 'same');
}

/** Why a list that does not show a request is no proof of its absence. */
export type NoControl =
  /** The list shows nothing that happened after T, so it may have stood still since before. */
  | { readonly why: 'fresh' }
  /** The list shows no request whose id fal answered to us with this key: it may not be our list, or not all of it. */
  | { readonly why: 'whole' }
  /** An entry counts as another's, and none whose input is known shows that the list tells them apart. */
  | { readonly why: 'faithful'; readonly promptLength: number };

/**
 * What is missing before a list without this request proves that fal never accepted it; undefined: nothing. Pure, and
 * asked of one reading of the list. `newestMs`: the latest time that the list shows, by fal's clock. `freshFromMs`: T of
 * everybody who may have its entry, by fal's clock. `others`: the entries that count as another's.
 */
export function missingControl(
  posted: Input,
  seen: {
    readonly others: readonly Pick<Comparison, 'differs'>[];
    readonly controls: readonly Control[];
    readonly newestMs: number;
    readonly freshFromMs: number;
  },
  model: ComparedModel,
): NoControl | undefined {
  const { others, controls, newestMs, freshFromMs } = seen;
  if (newestMs < freshFromMs) return { why: 'fresh' };
  if (controls.length === 0) return { why: 'whole' };
  const length = promptLength(posted, model);
  const faithful = others.every(({ differs }) =>
    controls.some(
      (control) =>
        promptLength(control.posted, model) >= length &&
        differs.every((name) => Object.hasOwn(control.posted, name)) &&
        compareInput(control.posted, control.shown, model, controls) === 'same',
    ),
  );
  return faithful ? undefined : { why: 'faithful', promptLength: length };
}
