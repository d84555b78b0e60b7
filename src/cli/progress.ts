import { Presets, SingleBar } from 'cli-progress';
import { formatUsd, fromUsd } from '../shared/money.ts';
import type { BatchStatus } from '../shared/status.ts';

/** Shows how far a batch is: a bar on a terminal, a line now and then elsewhere, nothing for `--json` without a terminal. */
export interface Progress {
  show(status: BatchStatus): void;
  end(): void;
}

export interface ProgressOptions {
  readonly stderr: NodeJS.WriteStream;
  /** For JSON output, stdout is a program's; progress still goes to stderr. */
  readonly clock: () => number;
}

/** Elsewhere than on a terminal: one line at each change, at most every so often. */
const LINE_EVERY_MS = 2_000;

export function openProgress({ stderr, clock }: ProgressOptions): Progress {
  return stderr.isTTY ? openBar(stderr) : openLines(stderr, clock);
}

function openBar(stderr: NodeJS.WriteStream): Progress {
  const bar = new SingleBar(
    {
      stream: stderr,
      format: '{bar} {percentage}% | {value}/{total} requests | {words}',
      hideCursor: true,
      clearOnComplete: false,
      etaBuffer: 50,
      // A resize or an interrupt must not leave the cursor hidden.
      gracefulExit: true,
    },
    Presets.shades_classic,
  );
  let started = false;
  return {
    show(status) {
      const { total, ended } = sizeOf(status);
      if (!started) bar.start(total, ended, { words: wordsOf(status) });
      started = true;
      bar.setTotal(total);
      bar.update(ended, { words: wordsOf(status) });
    },
    end() {
      if (started) bar.stop();
    },
  };
}

function openLines(stderr: NodeJS.WriteStream, clock: () => number): Progress {
  let last = '';
  let lastAtMs = 0;
  return {
    show(status) {
      const { total, ended } = sizeOf(status);
      const line = `${ended}/${total} requests | ${wordsOf(status)}`;
      const now = clock();
      if (line === last || (now - lastAtMs < LINE_EVERY_MS && ended < total)) return;
      last = line;
      lastAtMs = now;
      stderr.write(`${line}\n`);
    },
    end() {},
  };
}

function sizeOf({ counts }: BatchStatus): { total: number; ended: number } {
  const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
  return { total, ended: counts.delivered + counts.failed + counts.cancelled };
}

function wordsOf({ counts, money, etaSeconds, state }: BatchStatus): string {
  const atFal = counts.submitting + counts.submitted;
  const parts = [
    `${formatUsd(fromUsd(money.spentUsd))} spent`,
    ...(atFal > 0 ? [`${atFal} at fal`] : []),
    ...(counts.generated + counts.rendering > 0 ? [`${counts.generated + counts.rendering} rendering`] : []),
    ...(counts.unknown > 0 ? [`${counts.unknown} unknown`] : []),
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(state === 'running' ? [etaSeconds === null ? '' : `${duration(etaSeconds)} left`] : [state]),
  ];
  return parts.filter((part) => part !== '').join(' | ');
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
