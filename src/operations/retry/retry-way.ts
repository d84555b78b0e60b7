import type { MicroUsd } from '../../shared/base/money.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import { type Failure, isSilentOnPictures } from '../../shared/journal/objects.ts';
import type { PlannedRequest, PlanRow } from '../../shared/journal/plan-row.ts';
import { priceOf } from '../../shared/models/price.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { Claim } from '../../shared/requests/records.ts';
import { isSameRound } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type PaidNote, readPaid, writePaid } from '../../shared/takes/original-notes.ts';
import { listVariantsOfRow } from '../../shared/takes/originals.ts';
import { stateOf, type Variants } from '../../shared/takes/variants.ts';

/** How a failed request is tried again, and what that may cost. */
export interface Way {
  /**
   * `retry`: fal is asked for what is missing. `fetch`: all that is missing was paid for, by another request. `refetch`: by
   * its own. `rerender`: its originals exist. Only `retry` costs anything.
   */
  readonly way: 'retry' | 'fetch' | 'refetch' | 'rerender';
  readonly minMicroUsd: MicroUsd;
  readonly maxMicroUsd: MicroUsd;
  /** The pictures that fal was paid for and that are not stored yet. */
  readonly paid: readonly PaidOfShot[];
  /** The most that it costs to have those made again too, and so to pay for them a second time. */
  readonly againMicroUsd: MicroUsd;
  /** For `refetch`: what is claimed, and the id and cost of the request that paid. */
  readonly own?: {
    readonly claim: Claim;
    readonly requestId: string;
    readonly costMicroUsd: MicroUsd;
  };
}

/** A picture that fal was paid for and that is not stored yet. */
export interface PaidOfShot {
  readonly shot: string;
  readonly shotKey: string;
  readonly index: number;
  /** Each request that was paid for it. */
  readonly notes: readonly PaidNote[];
}

export interface WayDeps {
  readonly journal: Pick<Journal, 'readResult' | 'readIntent' | 'readId' | 'outcomeOfRound'>;
  readonly store: ObjectStore;
  readonly registry: Registry;
}

export interface Failed {
  readonly failure: Failure;
  /** The round that its record is in. */
  readonly round: number;
  readonly row: PlanRow;
  readonly request: PlannedRequest;
}

/** How a failed request is tried again: with what fal was paid for already, before anything is paid. */
export async function wayOf(failed: Failed, deps: WayDeps, signal: AbortSignal): Promise<Way> {
  const { failure, round, row, request } = failed;
  const { store, journal, registry } = deps;
  const before = await listVariantsOfRow(store, row, signal);
  const noted = await noteWhatWasPaid(failed, before, deps, signal);
  const variants = noted === 0 ? before : await listVariantsOfRow(store, row, signal);
  const missing = request.indices.filter((index) => stateOf(variants, index) === 'nothing').length;
  const paid: PaidOfShot[] = [];
  for (const index of request.indices) {
    const variant = variants.get(index);
    if (variant?.state !== 'paid') continue;
    const { shot, shotKey } = row;
    paid.push({ shot, shotKey, index, notes: await readPaid(store, shotKey, variant, signal) });
  }
  const priceFor = (images: number) =>
    images === 0
      ? { minMicroUsd: 0, maxMicroUsd: 0 }
      : priceOf(registry.get(row.model), row.input, row.prompt, images);
  const price = priceFor(missing);
  const common = { ...price, paid, againMicroUsd: priceFor(missing + paid.length).maxMicroUsd };
  if (missing > 0) return { way: 'retry', ...common };
  if (paid.length === 0) return { way: 'rerender', ...common };
  const requestId = await ownRequestOf(failure, round, paid, journal, signal);
  if (requestId === undefined) return { way: 'fetch', ...common };
  const costMicroUsd = (await journal.readResult(requestId, signal))?.cost ?? 0;
  const claim = { shotKey: row.shotKey, indices: request.indices };
  return { way: 'refetch', ...common, own: { claim, requestId, costMicroUsd } };
}

/**
 * Versions before the paid notes let a request fail without one: then fal's answer is in the store, names its pictures, and
 * none of them is stored. Resolves to how many notes it wrote.
 */
async function noteWhatWasPaid(
  { failure, row, request }: Failed,
  before: Variants,
  { store, journal }: WayDeps,
  signal: AbortSignal,
): Promise<number> {
  const bare = request.indices.filter((index) => !before.has(index));
  if (bare.length === 0) return 0;
  const isSilent = isSilentOnPictures(failure.code);
  const outcome = await journal.outcomeOfRound(failure, failure.round, signal);
  if (outcome?.kind !== 'id' && !isSilent) return 0;
  const requestId = outcome?.kind === 'id' ? outcome.requestId : 'unknown';
  const result = await journal.readResult(requestId, signal);
  const intent = await journal.readIntent(failure, failure.round, signal);
  let noted = 0;
  for (const index of bare) {
    const image = (intent ?? request).indices.indexOf(index);
    if (image < 0 || (result?.images[image] === undefined && !isSilent)) continue;
    const note = { requestId, image, since: failure.at, why: failure.code };
    await writePaid(store, { shotKey: row.shotKey, index }, note, signal);
    noted += 1;
  }
  return noted;
}

/** The request that was paid for all of them in the round that failed, if that is its own. */
async function ownRequestOf(
  failure: Failure,
  round: number,
  paid: readonly PaidOfShot[],
  journal: Pick<Journal, 'readId'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [first, ...others] = paid;
  for (const { requestId } of first?.notes ?? []) {
    if (!others.every(({ notes }) => notes.some((note) => note.requestId === requestId))) continue;
    const owner = await journal.readId(requestId, signal);
    if (owner !== undefined && isSameRound(owner, { ...failure, round })) return requestId;
  }
  return undefined;
}
