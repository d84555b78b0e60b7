import { writeFile } from 'node:fs/promises';
import type { Logger } from '../../shared/base/log.ts';
import { sleep } from '../../shared/base/time.ts';
import { closeLoaders } from './loaders.ts';
import {
  createRenderProcessor,
  type RenderDeps,
  type RenderProcessor,
  RenderStoppedError,
} from './processor.ts';
import { endProcess, startWatchdog } from './watchdog.ts';

const LAST_WORDS_MS = 2_000;

/**
 * What BullMQ's child runs for each job: opens the dependencies at the first job (again, if that failed), and sees to
 * it that this process neither outlives its worker nor waits for a hung thread when it ends.
 */
export function createRenderChild(open: () => Promise<RenderDeps>): RenderProcessor {
  const orphaned = new AbortController();
  let opened: Promise<RenderProcessor> | undefined;
  let current: Promise<void> = Promise.resolve();

  // The worker died, so nobody reads what this child answers, and its open sockets would keep it alive forever. From the
  // start on: it may die while this child waits for a Redis that does not answer.
  process.once('disconnect', () => {
    orphaned.abort(new Error('the worker of this render child is gone'));
    void Promise.race([current.catch(() => {}), sleep(LAST_WORDS_MS)]).then(() => endProcess(0));
  });
  // BullMQ tells the worker what nobody caught (classes/main-base.ts), and ends. Where the worker is gone that fails, which
  // nobody catches, which it tells the worker: a full core and all of the memory, in one turn of the event loop, in which
  // no `disconnect` comes. Found by the chaos; test/e2e/render-child.test.ts.
  let isTold = false;
  process.prependListener('uncaughtException', () => {
    if (isTold) endProcess(1);
    isTold = true;
  });

  const prepare = async (): Promise<RenderProcessor> => {
    closeLoaders();
    const deps = await open();
    await offerToTheOomKiller(deps.log);
    // BullMQ ends its children with process.exit, which waits for what libvips is at; that may be the hang.
    process.once('exit', (code) => endProcess(code));
    return createRenderProcessor(deps, await startWatchdog());
  };

  return async (job, token, signal) => {
    opened ??= prepare();
    const processor = await opened.catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    const stop = signal === undefined ? orphaned.signal : AbortSignal.any([signal, orphaned.signal]);
    current = processor(job, token, stop);
    try {
      await current;
    } catch (error) {
      // What was stopped may still be at work inside libvips, and may be a hang: a next job would share its threads
      // and be blamed for it. So this child ends, and BullMQ forks another; to it, this is "Unexpected exit code".
      if (error instanceof RenderStoppedError) endProcess(0);
      throw error;
    }
  };
}

/**
 * Where the machine runs out of memory, Linux ends the process with the highest score: this child, one picture, and
 * not the worker or a Redis beside it.
 */
async function offerToTheOomKiller(log: Logger): Promise<void> {
  try {
    await writeFile('/proc/self/oom_score_adj', '500');
  } catch (error) {
    // Not Linux, or not allowed here: only the choice of the kernel's victim is worse.
    log.debug({ reason: String(error) }, 'oom score not set');
  }
}
