import { pMapIterable } from 'p-map';
import { MalformedError } from '../base/errors.ts';
import { objectKeys } from '../store/keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type PlanShot, readPlanShots } from './plan-row.ts';

/** A chunk is read while another one is looked through; more would only wait in memory. */
const CHUNKS_AT_ONCE = 4;

/** What a batch's rows want, in the order of its list. Throws a `MalformedError` where its plan is not whole. */
export async function* planShots(
  { batch, chunks }: { readonly batch: string; readonly chunks: number },
  store: Pick<ObjectStore, 'get'>,
  signal?: AbortSignal,
): AsyncGenerator<PlanShot> {
  const read = async (chunk: number): Promise<PlanShot[]> => {
    const key = objectKeys.planChunk(batch, chunk);
    const object = await store.get(key, signal);
    if (object === undefined)
      throw new MalformedError(`The plan of batch ${batch} lacks ${key} in the store.`);
    return readPlanShots(object.body);
  };
  const all = Array.from({ length: chunks }, (_, chunk) => chunk);
  for await (const shots of pMapIterable(all, read, { concurrency: CHUNKS_AT_ONCE })) yield* shots;
}
