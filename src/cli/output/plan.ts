import type { PlanFacts, PlannedList } from '../../operations/plan-list.ts';
import type { SyncTotals } from '../../producer/catalog-sync.ts';
import type { FitResult } from '../../producer/estimate/fit.ts';
import type { PlanTotals } from '../../producer/plan/totals.ts';
import type { Config } from '../../shared/base/config.ts';
import { formatUsd, type MicroUsd } from '../../shared/base/money.ts';
import { count, duration } from '../../shared/base/text.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { columnsLine } from './columns.ts';
import { defaultModelSentence } from './default-model.ts';
import { bindsOf } from './plan-json.ts';

/** Options that the words of a plan depend on. */
export interface SaidOptions {
  readonly prune?: boolean | undefined;
  readonly cap?: MicroUsd | undefined;
}

/** What a user should know before the money is spent, one line each: `--dry-run`, `enqueue` and `run` say the same. */
export function reportLines(
  { defaultModel, columns, sync, covered, finish, regenerate, paidAlready }: PlanFacts,
  rows: number,
  {
    args,
    config,
    nowMs,
  }: {
    readonly args: SaidOptions;
    readonly config: Pick<Config, 'fal'>;
    /** Wall clock, ms since 1970. */
    readonly nowMs: number;
  },
): string[] {
  const lines: string[] = [];
  if (defaultModel !== undefined) lines.push(defaultModelSentence(defaultModel, defaultRegistry(), nowMs));
  const multiplied = columnsLine(columns);
  if (multiplied !== undefined) lines.push(multiplied);
  if (sync !== undefined) lines.push(syncSentence(sync, args));
  if (covered !== undefined) lines.push(coveredSentence(covered, rows));
  if (regenerate !== undefined) lines.push(regenerateSentence(regenerate, args));
  if (paidAlready !== undefined) lines.push(paidAlreadySentence(paidAlready));
  if (finish !== undefined) lines.push(finishSentence(finish, bindsOf(finish, covered, rows), config));
  return lines;
}

export function planSentence({
  shots,
  images,
  requests,
  reusedImages,
  fetchedImages,
  minMicroUsd,
  maxMicroUsd,
  naiveMicroUsd,
}: PlanTotals): string {
  const cost =
    minMicroUsd === maxMicroUsd
      ? formatUsd(maxMicroUsd)
      : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
  const reused = reusedImages === 0 ? '' : `, ${count(reusedImages, 'image')} already made`;
  const fetched = fetchedImages === 0 ? '' : `, ${count(fetchedImages, 'image')} paid already and to fetch`;
  const naive = requests === 0 ? '' : ` (one request an image: ${formatUsd(naiveMicroUsd)})`;
  return `${count(shots, 'shot')}, ${count(images, 'image')}${reused}${fetched}: ${count(requests, 'request')} to fal, ${cost}${naive}`;
}

/** What is new, changed, unchanged, gone. */
function syncSentence(sync: SyncTotals, { prune }: Pick<SaidOptions, 'prune'>): string {
  const number = (n: number) => n.toLocaleString('en');
  const { goneIds } = sync;
  const more = sync.gone > goneIds.length ? ', …' : '';
  const ids = sync.gone === 0 ? '' : ` (${goneIds.join(', ')}${more})`;
  const retired =
    sync.gone === 0
      ? ''
      : prune === true
        ? '; --prune retires them from the exports'
        : '; they stay in the exports, without --prune';
  return `compared with ${sync.with}: ${number(sync.new)} new, ${number(sync.changed)} changed, ${number(sync.unchanged)} unchanged, ${number(sync.gone)} gone${ids}${retired}`;
}

function coveredSentence(
  { cap, limitMicroUsd, leftMicroUsd, rows: fitting }: NonNullable<PlanFacts['covered']>,
  rows: number,
): string {
  const spent =
    leftMicroUsd === limitMicroUsd
      ? ''
      : leftMicroUsd <= 0
        ? ', all of it spent'
        : `, ${formatUsd(leftMicroUsd)} of it left`;
  const covers =
    fitting >= rows
      ? `covers all ${count(rows, 'row')}`
      : fitting === 0
        ? `does not cover the first of ${count(rows, 'row')}`
        : `covers the first ${fitting.toLocaleString('en')} of ${count(rows, 'row')}`;
  return `the tightest cap, ${cap} (${formatUsd(limitMicroUsd)}${spent}), ${covers}`;
}

/** What may be paid beyond the estimate, where pictures fail their checks. */
function regenerateSentence(
  { times, maxMicroUsd }: NonNullable<PlanFacts['regenerate']>,
  { cap }: Pick<SaidOptions, 'cap'>,
): string {
  const within =
    cap === undefined
      ? '; --cap would bound the whole'
      : `, and the whole stays within --cap ${formatUsd(cap)}`;
  return `--regenerate ${times}: at most ${count(times, 'more request')} for each picture that fails a check, ${formatUsd(maxMicroUsd)} more at most if all of them do${within}`;
}

/** What would be paid for again, and the way not to. */
function paidAlreadySentence({ requests, costMicroUsd }: NonNullable<PlanFacts['paidAlready']>): string {
  return `note: fal has charged ${formatUsd(costMicroUsd)} already for what ${count(requests, 'request')} of it would ask for, and nobody has these pictures: to take them and not pay again, shotlist pause, enqueue the list, shotlist reconcile, shotlist resume`;
}

const LEARNED = {
  all: 'by the latency learned so far',
  some: "by the latency learned so far, in part by the model's published one",
  none: "by the model's published latency",
} as const;

function finishSentence(
  { seconds, learned, binds: limit }: NonNullable<PlanFacts['finish']>,
  binds: ReturnType<typeof bindsOf>,
  { fal }: Pick<Config, 'fal'>,
): string {
  const { max, durationMs } = fal.submitRate;
  const slots = `the slots (FAL_CONCURRENCY ${fal.concurrency})`;
  const rate = `the submit rate (FAL_SUBMIT_RATE ${max} in ${durationMs / 1_000} s)`;
  const room = binds === 'cap' ? 'were there room on every cap, ' : '';
  return `about ${duration(seconds)} at fal ${LEARNED[learned]}: ${room}${limit === 'slots' ? slots : rate} would decide${binds === 'cap' ? '; the cap binds first' : ''}`;
}

/** So much of a prompt is shown. */
const SHOWN_CHARACTERS = 160;

/** The first prompts as they are sent, each on one line. */
export function sampleLines({ samples }: Pick<PlannedList, 'samples'>): string[] {
  return samples.map(({ id, prompt }) => {
    const characters = [...prompt.slice(0, SHOWN_CHARACTERS * 2).replace(/\s+/g, ' ')];
    const shown =
      characters.length > SHOWN_CHARACTERS
        ? `${characters.slice(0, SHOWN_CHARACTERS).join('')}…`
        : characters.join('');
    return `  ${id}: "${shown}"`;
  });
}

/** What `--fit` found, and the command that makes it so. */
export function fitLines(fit: FitResult, rows: number, command: string): string[] {
  const { budgetMicroUsd, input, options, best, rowsOfTheirOwn, rowsOfOtherModels } = fit;
  const budget = formatUsd(budgetMicroUsd);
  const lines = options.map(({ value, minMicroUsd, maxMicroUsd, rows: covered }) => {
    const cost =
      minMicroUsd === maxMicroUsd
        ? formatUsd(maxMicroUsd)
        : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
    const fits =
      maxMicroUsd <= budgetMicroUsd ? 'fits' : `${budget} covers the first ${count(covered, 'row')}`;
    return `  ${input} ${value}: ${cost} for all rows: ${fits}`;
  });
  if (best === undefined) {
    const [cheapest] = options;
    lines.unshift(
      `--fit ${budget}: no ${input} fits all ${count(rows, 'row')}; ${cheapest?.value ?? ''}, the cheapest, covers the first ${(cheapest?.rows ?? 0).toLocaleString('en')}`,
    );
  } else lines.unshift(`--fit ${budget}: ${input} ${best} is the best that fits all ${count(rows, 'row')}`);
  if (rowsOfTheirOwn > 0) {
    lines.push(
      `  ${count(rowsOfTheirOwn, 'row')} of the list ${rowsOfTheirOwn === 1 ? 'names its' : 'name their'} own ${input}, counted here at each of these; empty that column for it to be so`,
    );
  }
  if (rowsOfOtherModels > 0)
    lines.push(`  ${count(rowsOfOtherModels, 'row')} of another model, counted as listed`);
  if (best !== undefined) lines.push(`  ${command}`);
  return lines;
}
