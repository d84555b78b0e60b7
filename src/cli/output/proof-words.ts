import type { ChosenProof } from '../../producer/plan/proof.ts';
import { formatUsd, type MicroUsd } from '../../shared/base/money.ts';
import { count, duration } from '../../shared/base/text.ts';
import type { Forecast } from '../../shared/status/forecast.ts';

/** What `--proof` comes to on this list. */
export function proofSentence(batch: string, { rows, payableRows, maxMicroUsd }: ChosenProof): string {
  const waiting = payableRows - rows.length;
  if (payableRows === 0) return 'proof: nothing is to be paid, so nothing waits';
  if (waiting === 0)
    return `proof: only ${count(payableRows, 'shot')} of the list cost${payableRows === 1 ? 's' : ''} something, so all run and none waits`;
  return `proof: ${count(rows.length, 'shot')} of ${payableRows.toLocaleString('en')} first, at most ${formatUsd(maxMicroUsd)}; ${waiting === 1 ? 'the other one waits' : `the other ${waiting.toLocaleString('en')} wait`} for shotlist approve ${batch}`;
}

/** What is left of a batch, by the measured cost and time of what was made. */
export function restSentence(
  { restMicroUsd, projectedMicroUsd, measured, waitingSeconds }: Forecast,
  estimate: MicroUsd,
): string {
  const by =
    measured === undefined
      ? 'nothing of it was paid for yet, so by the estimate'
      : `by what ${count(measured.requests, 'request')} cost (${Math.round(measured.costRatio * 100)} % of their estimate)`;
  const time =
    waitingSeconds === undefined ? '' : `, about ${duration(waitingSeconds)} at the pace of the proof`;
  return `${by}, the rest will cost about ${formatUsd(restMicroUsd)}, and all of it ${formatUsd(projectedMicroUsd)} (estimated: ${formatUsd(estimate)})${time}`;
}
