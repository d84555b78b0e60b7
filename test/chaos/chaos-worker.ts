import { startWork } from '../../src/app/worker.ts';
import { ROLES } from '../../src/shared/base/choices.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import type { Logger } from '../../src/shared/base/log.ts';
import { openChaosShop } from './chaos-shop.ts';
import { startInlineRender } from './inline-render.ts';
import type { Tap } from './points.ts';
import { CHAOS_TIMING, type ProcessSpec } from './spec.ts';

/** A whole worker over wrapped parts, in whatever process this is called. */
export async function startChaosWorker(spec: ProcessSpec, tap: Tap, log: Logger): Promise<AsyncDisposable> {
  const closers = new Closers();
  try {
    const { shop, http, stack, config } = closers.use(await openChaosShop(spec, tap, log));
    const roles = ROLES.filter((role) => spec.render === 'children' || role !== 'render');
    if (spec.render === 'inline') {
      const { url } = config.redis;
      if (url === undefined) throw new Error('a chaos process is always told its Redis');
      closers.use(await startInlineRender(shop, { url, prefix: config.redis.prefix, log }));
    }
    closers.use(
      await startWork({
        shop,
        stack,
        config,
        roles: new Set(roles),
        environment: { PATH: process.env['PATH'] },
        log,
        http,
        postWindowMs: spec.postWindowMs,
        timing: CHAOS_TIMING,
        random: () => 0.1,
      }),
    );
    return { [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose]() };
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}
