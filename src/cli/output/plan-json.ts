import type { PlannedList } from '../../operations/plan-list.ts';
import type { Covered } from '../../producer/estimate/coverage.ts';
import type { Finish } from '../../producer/estimate/duration.ts';
import type { FitResult } from '../../producer/estimate/fit.ts';
import type { PlanTotals } from '../../producer/plan/totals.ts';
import { toUsd } from '../../shared/base/money.ts';

/** What is said of a list beside its totals. */
export interface PlanFacts
  extends Pick<PlannedList, 'defaultModel' | 'sync' | 'covered' | 'fit' | 'regenerate' | 'paidAlready'> {
  readonly finish: Finish | undefined;
}

/** The public contract of `enqueue --json` and `--dry-run --json`. A fact is there where there is something to say. */
export function planJson(
  batch: string,
  totals: PlanTotals,
  { defaultModel, sync, covered, finish, fit, regenerate, paidAlready }: PlanFacts,
) {
  const { shots, images, requests, reusedImages, fetchedImages, minMicroUsd, maxMicroUsd, naiveMicroUsd } =
    totals;
  return {
    batch,
    shots,
    images,
    requests,
    reusedImages,
    fetchedImages,
    estimate: { minUsd: toUsd(minMicroUsd), maxUsd: toUsd(maxMicroUsd) },
    naiveUsd: toUsd(naiveMicroUsd),
    ...(defaultModel === undefined ? {} : { defaultModel: defaultModel.model.endpoint }),
    ...(sync === undefined ? {} : { sync }),
    ...(covered === undefined
      ? {}
      : { covered: { rows: covered.rows, cap: covered.cap, leftUsd: toUsd(covered.leftMicroUsd) } }),
    ...(finish === undefined
      ? {}
      : { finish: { seconds: finish.seconds, binds: bindsOf(finish, covered, shots) } }),
    ...(fit === undefined ? {} : { fit: fitJson(fit) }),
    ...(regenerate === undefined
      ? {}
      : { regenerate: { times: regenerate.times, maxUsd: toUsd(regenerate.maxMicroUsd) } }),
    ...(paidAlready === undefined
      ? {}
      : { paidAlready: { requests: paidAlready.requests, usd: toUsd(paidAlready.costMicroUsd) } }),
  };
}

/** Which limit has to be raised for the list to be done (sooner). */
export function bindsOf(
  { binds }: Finish,
  covered: Pick<Covered, 'rows'> | undefined,
  rows: number,
): Finish['binds'] | 'cap' {
  return covered !== undefined && covered.rows < rows ? 'cap' : binds;
}

function fitJson({ budgetMicroUsd, input, best, options, rowsOfTheirOwn, rowsOfOtherModels }: FitResult) {
  return {
    usd: toUsd(budgetMicroUsd),
    input,
    best: best ?? null,
    options: options.map(({ value, requests, minMicroUsd, maxMicroUsd, rows }) => ({
      value,
      requests,
      estimate: { minUsd: toUsd(minMicroUsd), maxUsd: toUsd(maxMicroUsd) },
      rows,
    })),
    rowsOfTheirOwn,
    rowsOfOtherModels,
  };
}
