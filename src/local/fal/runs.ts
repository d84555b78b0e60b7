import type { MicroUsd } from '../../shared/base/money.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Input } from './endpoints.ts';
import { CANCELLED, NEVER_STARTED, type Outcome } from './outcome.ts';
import { type Random, randomOf, uuidOf } from './random.ts';
import type { Run } from './run.ts';
import { SlotMeter } from './slot-meter.ts';
import type { AppendState, StateEvent } from './state-file.ts';

export interface RunsDeps {
  readonly slots: number;
  readonly clock: Clock;
  readonly seed: string;
  readonly latencyMs: (input: Input, random: Random) => number;
  readonly decide: (run: Run) => Outcome;
  readonly append: AppendState;
  /** After a request was accepted or has ended. */
  readonly onChange: (run: Run) => void;
}

export interface Accepted {
  readonly endpoint: string;
  readonly input: Input;
  readonly startTimeoutMs: number | undefined;
  readonly units: number;
  readonly priceMicroUsd: MicroUsd;
}

/**
 * fal's queue: requests wait for one of the account's slots, run, and end. All of it follows the clock: whatever
 * should have happened since the last look happens in its order and at its time, so that a clock that jumps two hours
 * (a test's, or that of a simulator that was down) leaves the same history as one that ticks.
 */
export class Runs {
  readonly meter: SlotMeter;
  readonly #deps: RunsDeps;
  readonly #all = new Map<string, Run>();
  readonly #waiting: Run[] = [];
  readonly #running = new Set<Run>();
  #earliestDeadlineMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(deps: RunsDeps, past: readonly StateEvent[]) {
    this.#deps = deps;
    this.meter = new SlotMeter(deps.slots);
    for (const event of past) this.#replay(event);
    this.#noteDeadlines();
    this.advance();
    // Those that the crash caught between their acceptance and their start.
    this.#startWaiting(deps.clock());
    this.#arm();
  }

  get(id: string): Run | undefined {
    this.advance();
    return this.#all.get(id);
  }

  /** In the order of acceptance. */
  all(): Run[] {
    this.advance();
    return [...this.#all.values()];
  }

  accept({ endpoint, input, startTimeoutMs, units, priceMicroUsd }: Accepted): Run {
    this.advance();
    const atMs = this.#deps.clock();
    const id = uuidOf(this.#deps.seed, `request ${this.#all.size}`);
    const deadline = startTimeoutMs === undefined ? {} : { deadlineMs: atMs + startTimeoutMs };
    const event = {
      event: 'accepted',
      id,
      endpoint,
      input,
      atMs,
      ...deadline,
      units,
      priceMicroUsd,
    } as const;
    this.#deps.append(event);
    const run = this.#remember(event);
    this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, run.deadlineMs);
    this.#deps.onChange(run);
    this.#startWaiting(atMs);
    this.#arm();
    return run;
  }

  /** Requests ahead of this one. */
  queuePosition(run: Run): number {
    return Math.max(0, this.#waiting.indexOf(run));
  }

  /** A queued request never runs; a running one is only asked to stop, and runs on: it is paid for. */
  cancel(run: Run): 'cancelled' | 'asked' | 'too-late' {
    this.advance();
    if (run.phase === 'ended') return 'too-late';
    if (run.phase === 'running') return 'asked';
    this.#end(run, this.#deps.clock(), CANCELLED);
    return 'cancelled';
  }

  /** The runner is lost: the request goes back to the head of the queue and starts anew. */
  fallBack(run: Run): void {
    if (run.phase !== 'running') return;
    const atMs = this.#deps.clock();
    this.#deps.append({ event: 'requeued', id: run.id, atMs });
    this.#requeue(run, atMs);
    this.#noteDeadlines();
    // Not in this turn, or nobody would ever see it queued.
    setImmediate(() => {
      if (this.#closed) return;
      this.advance();
      this.#startWaiting(this.#deps.clock());
      this.#arm();
    });
  }

  /** Lets everything happen that is due by now. Nothing happens any more once closed: the history can still be read. */
  advance(): void {
    if (this.#closed) return;
    const nowMs = this.#deps.clock();
    for (;;) {
      const ending = this.#nextToEnd();
      const endMs = ending?.endsAtMs ?? Number.POSITIVE_INFINITY;
      const atMs = Math.min(endMs, this.#earliestDeadlineMs);
      if (atMs > nowMs || atMs === Number.POSITIVE_INFINITY) break;
      if (ending !== undefined && endMs <= this.#earliestDeadlineMs) {
        this.#end(ending, endMs, ending.outcome ?? this.#deps.decide(ending));
      } else {
        for (const late of this.#waiting.filter((run) => run.deadlineMs <= atMs)) {
          this.#end(late, late.deadlineMs, NEVER_STARTED);
        }
        this.#noteDeadlines();
      }
      this.#startWaiting(atMs);
    }
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #startWaiting(atMs: number): void {
    while (this.#running.size < this.#deps.slots) {
      const run = this.#waiting.shift();
      if (run === undefined) break;
      const startMs = Math.max(atMs, run.acceptedAtMs);
      const latencyMs = this.#deps.latencyMs(run.input, randomOf(`${this.#deps.seed} ${run.id} ${startMs}`));
      run.outcome = this.#deps.decide(run);
      this.#deps.append({
        event: 'started',
        id: run.id,
        atMs: startMs,
        endsAtMs: startMs + latencyMs,
        outcome: run.outcome,
      });
      this.#start(run, startMs, startMs + latencyMs);
      this.#noteDeadlines();
    }
  }

  #start(run: Run, startedAtMs: number, endsAtMs: number): void {
    run.phase = 'running';
    run.startedAtMs = startedAtMs;
    run.endsAtMs = endsAtMs;
    this.#running.add(run);
    this.meter.started(startedAtMs);
  }

  #requeue(run: Run, atMs: number): void {
    this.#leaveSlot(run, atMs);
    run.phase = 'queued';
    run.startedAtMs = undefined;
    run.outcome = undefined;
    this.#waiting.unshift(run);
  }

  #end(run: Run, atMs: number, outcome: Outcome): void {
    const billed = outcome.kind === 'pictures' || ['full', 'full-unsaid'].includes(outcome.billing);
    const chargedMicroUsd = billed ? run.priceMicroUsd : 0;
    this.#deps.append({ event: 'ended', id: run.id, atMs, outcome, chargedMicroUsd });
    this.#finish(run, atMs, outcome, chargedMicroUsd);
    this.#deps.onChange(run);
  }

  #finish(run: Run, atMs: number, outcome: Outcome, chargedMicroUsd: MicroUsd): void {
    if (run.phase === 'running') this.#leaveSlot(run, atMs);
    else this.#waiting.splice(this.#waiting.indexOf(run), 1);
    run.phase = 'ended';
    run.endedAtMs = atMs;
    run.outcome = outcome;
    run.chargedMicroUsd = chargedMicroUsd;
  }

  #leaveSlot(run: Run, atMs: number): void {
    this.#running.delete(run);
    this.meter.ended(run.startedAtMs ?? atMs, atMs);
  }

  #remember(event: Extract<StateEvent, { event: 'accepted' }>): Run {
    const { id, endpoint, input, atMs, deadlineMs, units, priceMicroUsd } = event;
    const run: Run = {
      seq: this.#all.size,
      id,
      endpoint,
      input,
      acceptedAtMs: atMs,
      deadlineMs: deadlineMs ?? Number.POSITIVE_INFINITY,
      units,
      priceMicroUsd,
      phase: 'queued',
      startedAtMs: undefined,
      endsAtMs: Number.POSITIVE_INFINITY,
      endedAtMs: undefined,
      outcome: undefined,
      chargedMicroUsd: 0,
    };
    this.#all.set(id, run);
    this.#waiting.push(run);
    return run;
  }

  #replay(event: StateEvent): void {
    if (event.event === 'opened') return;
    if (event.event === 'accepted') {
      this.#remember(event);
      return;
    }
    const run = this.#all.get(event.id);
    if (run === undefined) return;
    if (event.event === 'started') {
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      run.outcome = event.outcome;
      this.#start(run, event.atMs, event.endsAtMs);
    } else if (event.event === 'requeued') this.#requeue(run, event.atMs);
    else this.#finish(run, event.atMs, event.outcome, event.chargedMicroUsd);
  }

  #nextToEnd(): Run | undefined {
    let next: Run | undefined;
    for (const run of this.#running) if (next === undefined || run.endsAtMs < next.endsAtMs) next = run;
    return next;
  }

  #noteDeadlines(): void {
    this.#earliestDeadlineMs = this.#waiting.reduce(
      (earliest, run) => Math.min(earliest, run.deadlineMs),
      Number.POSITIVE_INFINITY,
    );
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const atMs = Math.min(this.#nextToEnd()?.endsAtMs ?? Number.POSITIVE_INFINITY, this.#earliestDeadlineMs);
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(atMs - this.#deps.clock(), 1), 60_000);
    this.#timer = setTimeout(() => this.advance(), delayMs);
  }
}
