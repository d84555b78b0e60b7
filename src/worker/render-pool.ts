import { Child, ChildPool, type Worker } from 'bullmq';
import { BrakedWorker } from './braked-worker.ts';

/**
 * BullMQ's worker over a pool that survives what BullMQ's own does not (6.7.0): a child that dies while it starts
 * takes its listeners with it before anybody has heard of it, so that the job waits for ever, its lock renewed and a
 * place of the concurrency lost; and `close` waits for it.
 */
export class RenderWorker extends BrakedWorker {
  protected override createSandbox(processor: Parameters<Worker['createSandbox']>[0]): void {
    // The one place at which the pool can be another: BullMQ has made its own, and no job has used it yet.
    const { opts } = this['childPool'];
    this['childPool'] = new RenderPool(opts);
    super.createSandbox(processor);
  }

  /** Ends every child at once, whatever it is at; their jobs are found stalled by another worker. */
  killChildren(): void {
    const pool = this['childPool'];
    if (pool instanceof RenderPool) pool.killAll();
  }
}

class RenderPool extends ChildPool {
  readonly #starting = new Set<Child>();

  override async retain(file: string): Promise<Child> {
    const free = this.getFree(file).pop();
    if (free !== undefined) {
      this.retained[free.pid] = free;
      return free;
    }
    const { mainFile = '', ...options } = this['opts'];
    const child = new Child(mainFile, file, options);
    this.#starting.add(child);
    try {
      const died = new Promise<never>((_, reject) => {
        child.on('exit', (code: number | null, signal: string | null) => {
          this.remove(child);
          reject(new Error(`a render child ended while it started (${signal ?? code})`));
        });
        // Without a listener, a failed fork would end this process.
        child.on('error', reject);
      });
      // Also rejects later, when the child has long been at work and nobody waits for this any more.
      died.catch(() => undefined);
      await Promise.race([child.init(), died]);
      this.retained[child.pid] = child;
      return child;
    } catch (error) {
      this.#kill(child);
      throw error;
    } finally {
      this.#starting.delete(child);
    }
  }

  killAll(): void {
    const children = [...this.#starting, ...Object.values(this.retained), ...this.getAllFree()];
    for (const child of children) this.#kill(child);
  }

  #kill(child: Child): void {
    if (!child.hasProcessExited()) child.childProcess?.kill('SIGKILL');
  }
}
