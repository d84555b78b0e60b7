import type { MicroUsd } from '../../shared/base/money.ts';
import type { Input } from './endpoints.ts';
import type { Run } from './run.ts';

/** What the bank knows: one entry for each accepted POST, however often its answer was lost. */
export interface BookEntry {
  readonly requestId: string;
  readonly endpoint: string;
  readonly input: Input;
  readonly acceptedAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  readonly chargedMicroUsd: MicroUsd;
  /** Of the result; undefined while it waits or runs. */
  readonly statusCode: number | undefined;
  /** Pictures made. */
  readonly images: number;
}

export interface CapViolation {
  readonly requestId: string;
  readonly atMs: number;
  /** Charged so far, and what the accepted requests that have not ended will cost if they succeed. */
  readonly committedMicroUsd: MicroUsd;
  readonly capMicroUsd: MicroUsd;
}

export class Book {
  /** Filled the moment the cap is exceeded; stays empty for ever in a program that keeps its promise. */
  readonly violations: CapViolation[] = [];
  readonly #runs: () => readonly Run[];
  readonly #imagesOf: (run: Run) => number;
  readonly #capMicroUsd: MicroUsd | undefined;
  readonly #capCounts: (input: Input) => boolean;
  readonly #committed = new Map<string, MicroUsd>();
  #committedMicroUsd: MicroUsd = 0;

  constructor(deps: {
    readonly runs: () => readonly Run[];
    readonly imagesOf: (run: Run) => number;
    readonly capMicroUsd: MicroUsd | undefined;
    /** Which requests count on the cap. */
    readonly capCounts: (input: Input) => boolean;
  }) {
    this.#runs = deps.runs;
    this.#imagesOf = deps.imagesOf;
    this.#capMicroUsd = deps.capMicroUsd;
    this.#capCounts = deps.capCounts;
  }

  /** All, in the order of acceptance. */
  entries(): BookEntry[] {
    return this.#runs().map((run) => ({
      requestId: run.id,
      endpoint: run.endpoint,
      input: run.input,
      acceptedAtMs: run.acceptedAtMs,
      startedAtMs: run.startedAtMs,
      endedAtMs: run.endedAtMs,
      chargedMicroUsd: run.chargedMicroUsd,
      statusCode: statusCodeOf(run),
      images: this.#imagesOf(run),
    }));
  }

  /** Those that cost money. */
  charged(): BookEntry[] {
    return this.entries().filter((entry) => entry.chargedMicroUsd > 0);
  }

  totalMicroUsd(): MicroUsd {
    return this.entries().reduce((total, entry) => total + entry.chargedMicroUsd, 0);
  }

  /** Accepted and neither ended nor cancelled. */
  openCount(): number {
    return this.#runs().filter((run) => run.phase !== 'ended').length;
  }

  /** Called at each acceptance and each end, so that a breach is seen when it happens and not in the final sum. */
  note(run: Run, atMs: number): void {
    if (!this.#capCounts(run.input)) return;
    const before = this.#committed.get(run.id) ?? 0;
    const now = run.phase === 'ended' ? run.chargedMicroUsd : run.priceMicroUsd;
    this.#committed.set(run.id, now);
    this.#committedMicroUsd += now - before;
    const committedMicroUsd = this.#committedMicroUsd;
    if (now <= before || this.#capMicroUsd === undefined || committedMicroUsd <= this.#capMicroUsd) return;
    this.violations.push({ requestId: run.id, atMs, committedMicroUsd, capMicroUsd: this.#capMicroUsd });
  }
}

/** Of the result GET; undefined while the request waits or runs. */
export function statusCodeOf(run: Run): number | undefined {
  if (run.phase !== 'ended' || run.outcome === undefined) return undefined;
  return run.outcome.kind === 'pictures' ? 200 : run.outcome.status;
}
