import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { OUT_OF_CPU, OUT_OF_RSS, type PlanLimits } from './limits.ts';

const LOOK_MS = 100;

/**
 * Ends this process when its processor time or its memory is used up, or its parent is gone. A second thread looks,
 * since a list that loops blocks the event loop and every timer in it.
 */
export async function startPlanWatch({ cpuMs, memoryMb }: PlanLimits): Promise<void> {
  const thread = new Worker(THREAD, {
    eval: true,
    name: 'plan-watch',
    // A loader that the process was started with (tsx in tests) is of no use to a few lines of JavaScript.
    execArgv: [],
    workerData: {
      cpuMs,
      memoryMb,
      parent: process.ppid,
      cpu: OUT_OF_CPU,
      memory: OUT_OF_RSS,
      lookMs: LOOK_MS,
    },
  });
  // It comes up only while the event loop turns.
  await once(thread, 'online');
  thread.unref();
}

/** As text, because a thread cannot load TypeScript on Node 20. */
const THREAD = `
const { workerData } = require('node:worker_threads');
const { cpuMs, memoryMb, parent, cpu, memory, lookMs } = workerData;
setInterval(() => {
  const used = process.cpuUsage();
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  else if ((used.user + used.system) / 1000 > cpuMs) process.kill(process.pid, cpu);
  else if (process.memoryUsage.rss() / 1048576 > memoryMb) process.kill(process.pid, memory);
}, lookMs);
`;
