import { dayOf } from '../../shared/base/time.ts';
import type { BookEvent } from '../../shared/fal/billing.ts';
import { withoutSignatures } from '../../shared/fal/compare-input.ts';
import { NO_BATCH, type Orphan } from '../../shared/ledger/corrections.ts';
import { sizeWord } from '../../shared/models/wire.ts';

/** An orphan's object, from fal's words alone. */
export function orphanOf(
  { requestId, endpoint, atMs, costMicroUsd }: BookEvent,
  known: {
    readonly model: string;
    readonly input: unknown;
    readonly images: number;
  },
  { simulated }: { readonly simulated: boolean },
): Orphan {
  const input = new Map(
    Object.entries(typeof known.input === 'object' && known.input !== null ? known.input : {}),
  );
  const textOf = (name: string) => {
    const value: unknown = input.get(name);
    return typeof value === 'string' ? value : '';
  };
  return {
    batch: NO_BATCH,
    row: 0,
    part: 0,
    ts: new Date(atMs).toISOString(),
    shot: '',
    requestId,
    model: known.model,
    quality: textOf('quality'),
    imageSize: sizeWord(input.get('image_size')) ?? '',
    numImages: known.images,
    costMicroUsd,
    source: 'billing-event',
    ...(simulated ? { simulated } : {}),
    day: dayOf(atMs),
    endpoint,
    ...keptInput(known.input),
  };
}

/** Whole pictures inside an input are not kept: no request is compared with them. */
const MOST_CHARACTERS = 200_000;

function keptInput(shown: unknown): Pick<Orphan, 'input'> {
  if (shown === undefined || shown === null) return {};
  const input = withoutSignatures(shown);
  return JSON.stringify(input).length > MOST_CHARACTERS ? {} : { input };
}
