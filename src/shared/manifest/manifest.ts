import { type MicroUsd, toUsd } from '../base/money.ts';
import type { PlanRow } from '../journal/plan-row.ts';
import type { ShownImage } from '../takes/manifest-takes.ts';
import { altOf, srcsetOf } from './page-data.ts';

/** How one request of a shot stands. */
export type RequestEnd =
  | { readonly status: 'delivered'; readonly images: readonly ShownImage[] }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }
  | { readonly status: 'held'; readonly reason: string }
  | { readonly status: 'cancelled' }
  /** Of a whole shot: a later list of the catalog, queued with `--prune`, no longer has it. */
  | { readonly status: 'retired' }
  | { readonly status: 'pending' };

export type ShotStatus = RequestEnd['status'];

export interface ManifestOptions {
  readonly urlOf: (key: string) => string;
  readonly costMicroUsd: MicroUsd;
  readonly simulated: boolean;
}

/** The public contract: one line a shot, merged over its requests. */
export function manifestLine(
  { shot, columns, prompt }: Pick<PlanRow, 'shot' | 'columns' | 'prompt'>,
  ends: readonly RequestEnd[],
  { urlOf, costMicroUsd, simulated }: ManifestOptions,
) {
  const images = ends
    .flatMap((end) => (end.status === 'delivered' ? end.images : []))
    .sort((a, b) => a.index - b.index);
  return {
    shot,
    row: columns,
    prompt,
    status: statusOfShot(ends),
    error: errorOf(ends),
    costUsd: toUsd(costMicroUsd),
    images: images.map(
      ({ index, take, prompt: words, requestId, original, renditions, look, findings }: Addressed) => ({
        index,
        ...(take === undefined ? {} : { take }),
        ...(words === undefined ? {} : { prompt: words }),
        requestId: requestId ?? null,
        alt: altOf(columns, words ?? prompt),
        ...(look === undefined
          ? {}
          : { thumbHash: look.thumbHash, dominantColor: look.dominantColor ?? null }),
        srcset: srcsetOf(original, renditions, urlOf),
        ...(findings === undefined ? {} : { checks: findings }),
        original,
        renditions: renditions.map(({ name, key, width, height, bytes, format, sha256 }) => ({
          name,
          key,
          url: urlOf(key),
          width,
          height,
          bytes,
          format,
          sha256,
        })),
      }),
    ),
    ...(simulated ? { simulated: true } : {}),
  };
}

/** An original has an address of its own only where `export --presign` was asked for one. */
type Addressed = ShownImage & { readonly original: { readonly url?: string } };

export type ManifestLine = ReturnType<typeof manifestLine>;

/**
 * What is still to come decides first, then what needs a person, then what is final: a shot is `delivered` only when
 * all of its requests are.
 */
const FIRST_OF = [
  'retired',
  'pending',
  'held',
  'failed',
  'cancelled',
] as const satisfies readonly ShotStatus[];

export function statusOfShot(ends: readonly RequestEnd[]): ShotStatus {
  return FIRST_OF.find((status) => ends.some((end) => end.status === status)) ?? 'delivered';
}

/** What failed, and what is held, in one line; null where nothing is. */
export function errorOf(ends: readonly RequestEnd[]): string | null {
  const sentences = ends.flatMap((end) =>
    end.status === 'failed'
      ? [`${end.code}: ${end.message}`]
      : end.status === 'held'
        ? [`held: ${end.reason}`]
        : [],
  );
  return sentences.length === 0 ? null : [...new Set(sentences)].join('; ');
}
