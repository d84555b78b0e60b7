import type { Whole } from '../../operations/follow-whole.ts';
import { formatUsd, fromUsd } from '../../shared/base/money.ts';
import { duration } from '../../shared/base/text.ts';
import { unfinished } from '../../shared/requests/batches.ts';
import { STATES } from '../../shared/requests/states.ts';
import type { Forecast } from '../../shared/status/forecast.ts';
import type { Snapshot } from '../../shared/status/snapshot.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { type Regenerated, regeneratedJson } from '../../shared/takes/regenerated.ts';
import { MEANINGS } from './state-words.ts';
import { totalOf } from './status-table.ts';
import { left, right, tableOf } from './tables.ts';

/** What `run --json` and `status BATCH --json` print; see docs/json.md. */
export function statusJson({ status, regenerated }: Pick<Whole, 'status' | 'regenerated'>) {
  return { ...status, ...(regenerated === undefined ? {} : { regenerated: regeneratedJson(regenerated) }) };
}

/** One batch in full: its states, its money, when it will be done, what holds it back, and what a person must do. */
export function statusView({ status, forecast, heldBack }: Snapshot, regenerated?: Regenerated): string {
  const { batch, state, counts, money } = status;
  const usd = (amount: number) => formatUsd(fromUsd(amount));
  const states = STATES.filter((one) => counts[one] > 0).map((one) => [
    one,
    counts[one].toLocaleString('en'),
    MEANINGS[one],
  ]);
  const sums = [
    ['spent', usd(money.spentUsd)],
    ['reserved', `${usd(money.reservedUsd)} for what is under way`],
    ['estimate', `${usd(money.estimateUsd)} at most, for all of it`],
    ...forecastRows(forecast),
    ['cap', money.capUsd === null ? 'none' : usd(money.capUsd)],
  ];
  return [
    `${batch}: ${state}, ${counts.delivered} of ${totalOf(status)} requests delivered${againOf(regenerated)}`,
    '',
    tableOf([left('state'), right('requests'), left('')], states),
    '',
    tableOf([left('money'), left('')], sums),
    ...[
      ...advice(status, heldBack, regenerated),
      ...waitLines(status),
      ...regeneratedLines(regenerated),
    ].flatMap((line) => ['', line]),
  ].join('\n');
}

/** Once something was paid: what all of it will come to by that, and how fast it goes. */
function forecastRows(forecast: Forecast | undefined): string[][] {
  if (forecast?.measured === undefined) return [];
  const { projectedMicroUsd, imagesPerMinute, measured } = forecast;
  const percent = Math.round(measured.costRatio * 100);
  return [
    [
      'projected',
      `${formatUsd(projectedMicroUsd)} for all of it: what is paid so far cost ${percent} % of its estimate`,
    ],
    ...(imagesPerMinute === undefined ? [] : [['pace', `${imagesPerMinute.toFixed(1)} images a minute`]]),
  ];
}

function advice(
  { batch, state, counts, etaSeconds, heldReason }: BatchStatus,
  heldBack: string | undefined,
  regenerated: Regenerated | undefined,
): string[] {
  const failed = counts.failed - (regenerated?.delivered ?? 0);
  const back = heldBack === undefined ? [] : [`Held back by: ${heldBack}`];
  const notes = [
    ...(failed > 0 ? [`Why ${failed} failed: shotlist export ${batch} names it for each shot.`] : []),
    ...(counts.unknown > 0
      ? [
          `${counts.unknown} unknown: fal's answer was lost. When each is found out, and what to do: shotlist unknown list ${batch}`,
        ]
      : []),
  ];
  switch (state) {
    case 'running':
      return [
        etaSeconds === null
          ? `It is under way as long as a worker runs; follow it with: shotlist status ${batch} --watch`
          : `About ${duration(etaSeconds)} left, at the pace so far.`,
        ...back,
        ...notes,
      ];
    case 'paused':
      return [`Paused by a person; go on with: shotlist resume ${batch}`, ...notes];
    case 'held':
      return [`Held: ${heldReason ?? `run shotlist resume ${batch}`}`, ...notes];
    case 'done':
      return [`What was made: shotlist export ${batch}`, ...notes];
    case 'cancelled':
      return [
        ...(unfinished(counts) > 0 ? ['What fal had begun is finished and kept; nothing more is sent.'] : []),
        ...notes,
      ];
  }
}

/** In the words of the workers. */
function waitLines({ waitingFor }: BatchStatus): string[] {
  if (waitingFor.length === 0) return [];
  const lines = waitingFor.map(
    ({ reason, requests, since }) =>
      `  ${requests.toLocaleString('en')} since ${since.slice(0, 19).replace('T', ' ')} UTC: ${reason}`,
  );
  return [['Requests that wait or are tried again:', ...lines].join('\n')];
}

function againOf(regenerated: Regenerated | undefined): string {
  const { delivered = 0 } = regenerated ?? {};
  return delivered === 0 ? '' : `, ${delivered} more made again and delivered`;
}

/** What came of the pictures that failed a check, and which batches made them again. */
function regeneratedLines(regenerated: Regenerated | undefined): string[] {
  if (regenerated === undefined) return [];
  const { requests, delivered, failed, open, batches } = regenerated;
  const ends = [
    `${delivered} delivered`,
    ...(failed === 0 ? [] : [`${failed} failed once more`]),
    ...(open === 0 ? [] : [`${open} under way or waiting`]),
  ];
  return [
    `Of the failed requests ${requests} ${requests === 1 ? 'was' : 'were'} made again: ${ends.join(', ')}.`,
    ...batches.map(
      ({ batch, state, money }) =>
        `What failed a check was made again: shotlist status ${batch} (${state}, ${formatUsd(fromUsd(money.spentUsd))} spent)`,
    ),
  ];
}
