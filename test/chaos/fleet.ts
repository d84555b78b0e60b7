import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosProcess } from './processes.ts';
import { WORKERS } from './schedule.ts';
import type { Stage } from './stage.ts';

/** The workers, each at its place: one that ended is replaced there. */
export class Fleet {
  readonly #stage: Stage;
  readonly #more: Parameters<Stage['spec']>[0];
  readonly #workers: ChaosProcess[] = [];

  constructor(stage: Stage, more: Parameters<Stage['spec']>[0]) {
    this.#stage = stage;
    this.#more = more;
  }

  async startAll(): Promise<void> {
    for (let at = 0; at < WORKERS; at += 1) await this.start(at);
  }

  /** The first renders in child processes, as in production; in the others a crash takes the render with it. */
  async start(at: number): Promise<void> {
    const render = at === 0 ? 'children' : 'inline';
    this.#workers[at] = await this.#stage.startProcess('worker', { ...this.#more, render });
  }

  at(index: number): ChaosProcess | undefined {
    return this.#workers[index];
  }

  async healAll(): Promise<void> {
    for (const worker of this.#workers) worker.signal('SIGCONT');
    await this.startEnded();
  }

  /** One that is started on a lost Redis refuses to work, and is started anew by whoever watches over it. */
  async startEnded(): Promise<void> {
    for (const [at, worker] of this.#workers.entries()) if (worker.hasEnded()) await this.start(at);
  }

  async stopAll(): Promise<void> {
    for (const worker of this.#workers) {
      worker.signal('SIGCONT');
      worker.signal('SIGTERM');
    }
    await Promise.race([Promise.all(this.#workers.map(({ ended }) => ended)), late(10_000)]);
    for (const worker of this.#workers) worker.signal('SIGKILL');
  }
}

/** Holds nothing open when it has lost its race. */
export function late(ms: number): Promise<void> {
  return delay(ms, undefined, { ref: false });
}
