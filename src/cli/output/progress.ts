import { formatUsd, fromUsd } from '../../shared/base/money.ts';
import { duration, printable } from '../../shared/base/text.ts';
import { STATES } from '../../shared/requests/states.ts';
import type { Snapshot } from '../../shared/status/snapshot.ts';
import { type BatchStatus, isOver } from '../../shared/status/status.ts';
import { MEANINGS } from './state-words.ts';

/** Shows how far a batch is: a live block on a terminal, a line at each change elsewhere. */
export interface Progress {
  show(picture: Snapshot): void;
  end(): void;
}

export interface ProgressOptions {
  /** For JSON output, stdout is a program's; progress still goes to stderr. */
  readonly stderr: NodeJS.WriteStream;
  /** In ms; only its differences count. */
  readonly clock: () => number;
}

/** Elsewhere than on a terminal: one line at each change, at most every so often. */
const LINE_EVERY_MS = 2_000;

export async function openProgress({ stderr, clock }: ProgressOptions): Promise<Progress> {
  return stderr.isTTY ? await openBlock(stderr) : openLines(stderr, clock);
}

/** What was shown last stays, and what follows stands below it. */
async function openBlock(stderr: NodeJS.WriteStream): Promise<Progress> {
  // Only who watches waits for it.
  const { createLogUpdate } = await import('log-update');
  const log = createLogUpdate(stderr);
  let last = '';
  return {
    show(picture) {
      const block = blockOf(picture);
      if (block === last) return;
      last = block;
      log(printable(block));
    },
    end() {
      log.done();
    },
  };
}

function openLines(stderr: NodeJS.WriteStream, clock: () => number): Progress {
  let last = '';
  let lastAtMs = Number.NEGATIVE_INFINITY;
  return {
    show(picture) {
      const { total, ended } = sizeOf(picture.status);
      const line = lineOf(picture);
      const now = clock();
      const isOver = ended === total && picture.toStrikeOff === 0;
      if (line === last || (now - lastAtMs < LINE_EVERY_MS && !isOver)) return;
      last = line;
      lastAtMs = now;
      stderr.write(`${printable(line)}\n`);
    },
    end() {},
  };
}

const BAR_WIDTH = 30;

/** One line a state that has something, then the money, the pace, and what holds the batch back. */
export function blockOf(picture: Snapshot): string {
  const { status } = picture;
  const { batch, state, counts } = status;
  const { total, ended } = sizeOf(status);
  const filled = total === 0 ? 0 : Math.floor((ended / total) * BAR_WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const percent = total === 0 ? 0 : Math.floor((ended / total) * 100);
  const numbers = STATES.filter((one) => counts[one] > 0).map(
    (one) => [one, thousands(counts[one])] as const,
  );
  const width = Math.max(0, ...numbers.map(([, number]) => number.length));
  return [
    `${batch}: ${state}`,
    `${bar} ${percent} % | ${thousands(ended)}/${thousands(total)} requests`,
    ...numbers.map(([one, number]) => `  ${one.padEnd(10)} ${number.padStart(width)}  ${MEANINGS[one]}`),
    [moneyOf(picture), ...paceOf(picture)].join(' | '),
    ...(picture.heldBack === undefined ? [] : [`held back by: ${picture.heldBack}`]),
  ].join('\n');
}

/** The same in one line, for a log. */
export function lineOf(picture: Snapshot): string {
  const { status, heldBack } = picture;
  const { counts, state } = status;
  const { total, ended } = sizeOf(status);
  // The sum of what has ended stands first; of it, only what somebody has to look at is told again.
  const states = STATES.filter((one) => counts[one] > 0 && one !== 'delivered');
  return [
    `${ended}/${total} requests`,
    ...states.map((one) => `${counts[one]} ${one}`),
    moneyOf(picture),
    ...paceOf(picture),
    ...(state === 'running' ? [] : [state]),
    ...(heldBack === undefined || state === 'held' ? [] : [`held back by: ${heldBack}`]),
  ].join(' | ');
}

function sizeOf({ counts }: BatchStatus): { total: number; ended: number } {
  const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
  return { total, ended: counts.delivered + counts.failed + counts.cancelled };
}

function moneyOf({ status: { money, state }, forecast }: Snapshot): string {
  const spent = `${formatUsd(fromUsd(money.spentUsd))} spent`;
  if (isOver(state) || forecast === undefined) return spent;
  return `${spent} of ${formatUsd(forecast.projectedMicroUsd)} projected`;
}

function paceOf({ status: { state, etaSeconds }, forecast }: Snapshot): string[] {
  const pace = forecast?.imagesPerMinute;
  return [
    ...(pace === undefined ? [] : [`${pace.toFixed(1)} images/min`]),
    ...(state !== 'running' || etaSeconds === null ? [] : [`${duration(etaSeconds)} left`]),
  ];
}

function thousands(number: number): string {
  return number.toLocaleString('en');
}
