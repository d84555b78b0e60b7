import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** Sees to it that a render ends this process rather than never end. One deadline at a time: a child has one job. */
export interface Watchdog extends AsyncDisposable {
  /**
   * `onLate` is called when the time is up and the event loop still turns; it is expected to end the process. Where
   * the loop is blocked, or `onLate` did not end it, the process gets a SIGKILL `graceMs` later. Disposing disarms.
   */
  arm(limitMs: number, onLate: () => void): Disposable;
}

/**
 * Started once a child. A hang inside libvips blocks a thread of libuv's pool and leaves the event loop turning, so a
 * timer would do; a hang in JavaScript blocks the loop, and with it every timer, so a second thread keeps the time too.
 */
export async function startWatchdog({ graceMs = 2_000 } = {}): Promise<Watchdog> {
  const thread = new Worker(THREAD, {
    eval: true,
    name: 'render-watchdog',
    // Loaders that the process was started with (tsx in tests) are of no use to ten lines of JavaScript.
    execArgv: [],
  });
  // Messages to a thread that has not come up yet are kept, but it comes up only while the event loop turns.
  await once(thread, 'online');
  thread.unref();
  return {
    arm(limitMs, onLate) {
      const timer = setTimeout(onLate, limitMs);
      thread.postMessage(limitMs + graceMs);
      return {
        [Symbol.dispose]() {
          clearTimeout(timer);
          thread.postMessage(0);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await thread.terminate();
    },
  };
}

/** As text, because a thread cannot load TypeScript on Node 20. */
const THREAD = `
const { parentPort } = require('node:worker_threads');
let timer;
parentPort.on('message', (ms) => {
  clearTimeout(timer);
  if (ms > 0) timer = setTimeout(() => process.kill(process.pid, 'SIGKILL'), ms);
});
`;

/**
 * Ends this process at once, whatever its threads do. Not `process.exit`: that waits until libuv's threads have
 * finished what they are at (`uv_library_shutdown` joins them), so a hang in libvips would outlive it.
 */
export function endProcess(code: number): never {
  process.kill(process.pid, 'SIGKILL');
  // Reached only where the platform delivers the signal later.
  process.exit(code);
}
