import { Worker } from 'bullmq';
import type { Shop } from '../../src/operations/services.ts';
import type { Logger } from '../../src/shared/base/log.ts';
import { connectionOf } from '../../src/shared/queues/queues.ts';
import { renderProcessorOf } from '../support/rendering.ts';
import { CHAOS_TIMING } from './spec.ts';

/** The render role in this very process, so that a point inside it takes the process with it; locks as of the worker's. */
export async function startInlineRender(
  shop: Shop,
  { url, prefix, log }: { readonly url: string; readonly prefix: string; readonly log: Logger },
): Promise<AsyncDisposable> {
  const processor = await renderProcessorOf(shop, prefix, log);
  const worker = new Worker('render', (job, token, signal) => processor(job, token, signal), {
    connection: connectionOf(url),
    prefix,
    concurrency: 2,
    lockDuration: CHAOS_TIMING.lockMs,
    stalledInterval: CHAOS_TIMING.stalledIntervalMs,
    maxStalledCount: 1_000_000,
    settings: { backoffStrategy: () => 200 },
  });
  worker.on('error', (error) => log.warn({ error: error.message }, 'render worker error'));
  worker.on('failed', (job, error) => log.warn({ jobId: job?.id, error: error.message }, 'render failed'));
  await worker.waitUntilReady();
  return { [Symbol.asyncDispose]: () => worker.close() };
}
