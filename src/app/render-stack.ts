import { z } from 'zod';
import type { Config } from '../shared/base/config.ts';
import type { Stack } from './connections.ts';

/** The variable by which a worker tells its render children where Redis and the store are. */
export const RENDER_STACK = 'SHOTLIST_RENDER_STACK';

const renderStack = z.object({
  redisUrl: z.string(),
  prefix: z.string(),
  store: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('folder'), folder: z.string() }),
    z.object({
      kind: z.literal('s3'),
      config: z.object({
        endpoint: z.string().optional(),
        region: z.string().optional(),
        bucket: z.string(),
        prefix: z.string(),
        forcePathStyle: z.boolean(),
        publicUrl: z.string().optional(),
      }),
    }),
  ]),
  recordTtlH: z.int(),
  stopAfterFailures: z.int(),
  log: z.object({ level: z.string(), format: z.enum(['json', 'pretty']) }),
});
export type RenderStack = z.infer<typeof renderStack>;

/** `level`: of the worker's own log, which may be quieter than the settings. */
export function renderStackOf(
  { redisUrl, prefix, store }: Stack,
  { recordTtlH, stopAfterFailures, log }: Config,
  level: string,
): string {
  return JSON.stringify({
    redisUrl,
    prefix,
    store,
    recordTtlH,
    stopAfterFailures,
    log: { level, format: log.format ?? 'json' },
  });
}

export function parseRenderStack(text: string | undefined): RenderStack {
  return renderStack.parse(JSON.parse(text ?? 'null'));
}
