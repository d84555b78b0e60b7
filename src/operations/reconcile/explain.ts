import { isOdd } from '../../shared/base/errors.ts';
import type { MicroUsd } from '../../shared/base/money.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { BookEvent } from '../../shared/fal/billing.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { IdTaken } from '../../shared/journal/objects.ts';
import type { Corrections } from '../../shared/ledger/corrections.ts';
import type { Records } from '../../shared/requests/records.ts';
import { requestKeyOf } from '../../shared/store/keys.ts';
import type { Attach } from './attach.ts';
import { type Candidate, type CandidatesDeps, findCandidates, hasCandidates } from './candidates.ts';
import type { Comparison } from './compare.ts';
import type { Correct, Correction } from './correct.ts';
import { orphanOf } from './orphan.ts';
import { type ReadHistoryDeps, readHistory } from './read-history.ts';

export interface ExplainDeps extends CandidatesDeps, ReadHistoryDeps {
  readonly records: Pick<Records, 'open' | 'holderOf' | 'read'>;
  readonly journal: Pick<Journal, 'readIntent' | 'readId' | 'readResult'>;
  readonly corrections: Pick<Corrections, 'writeOrphan'>;
  readonly correct: Pick<Correct, 'unbilled'>;
  readonly attach: Attach;
  /** The name of the model in the ledger. */
  readonly modelOf: (endpoint: string) => string;
  /** How long after its end fal's list may be without a run of the endpoint. */
  readonly marginS: (endpoint: string) => number;
  readonly simulated: boolean;
  readonly clock: Clock;
}

export interface Explained {
  readonly corrected: readonly Correction[];
  readonly orphans: readonly { readonly requestId: string; readonly costMicroUsd: MicroUsd }[];
  readonly attached: readonly {
    readonly requestId: string;
    readonly shot: string;
    readonly costMicroUsd: MicroUsd;
    /** It was in the ledger already, as nobody's. */
    readonly wasOrphan: boolean;
  }[];
  /** Of requests under way, which book them themselves. */
  readonly underWay: number;
  /** Not to be told yet: fal's list is behind, a request with the same input is being sent, or a batch cannot be read. */
  readonly undecided: number;
}

/**
 * Finds out what charges without a ledger entry are: of requests under way, of runs that were taken for unbilled, of
 * requests that want just these pictures, or of nobody; and whether any request wants by now what was nobody's. Rejects
 * with a `UserError` when fal's list cannot be read.
 */
export function createExplain(deps: ExplainDeps) {
  const { records, journal, corrections, correct, clock } = deps;

  return async (
    { entryless, orphaned }: Pick<Comparison, 'entryless' | 'orphaned'>,
    signal: AbortSignal,
  ): Promise<Explained> => {
    const corrected: Correction[] = [];
    const strangers: Stranger[] = [];
    let underWay = 0;
    for (const charge of entryless) {
      const owner = await ownerOf(charge.requestId, signal);
      if (owner === undefined) {
        strangers.push({ charge, wasOrphan: false });
        continue;
      }
      if (owner === 'under-way' || (await booksItself(owner, signal))) {
        underWay += 1;
        continue;
      }
      const correction = await correct.unbilled(owner, charge, signal);
      if (correction !== undefined) corrected.push(correction);
    }
    // Who wants it, if anybody does, was not there when it was written down.
    if (orphaned.length > 0 && (await hasCandidates(deps))) {
      for (const charge of orphaned)
        if ((await ownerOf(charge.requestId, signal)) === undefined)
          strangers.push({ charge, wasOrphan: true });
    }
    return { corrected, underWay, ...(await explainStrangers(strangers, signal)) };
  };

  /** `under-way`: taken in Redis so lately that the store does not say so yet. */
  async function ownerOf(requestId: string, signal: AbortSignal): Promise<IdTaken | 'under-way' | undefined> {
    return await orReport<IdTaken | 'under-way' | undefined>('under-way', () => takenBy(requestId, signal));
  }

  async function takenBy(requestId: string, signal: AbortSignal): Promise<IdTaken | 'under-way' | undefined> {
    const owner = await journal.readId(requestId, signal);
    if (owner !== undefined) return owner;
    return (await records.holderOf(requestId)) === undefined ? undefined : 'under-way';
  }

  /** The record first: what it says is settled has its result in the store by then. */
  async function booksItself(owner: IdTaken, signal: AbortSignal): Promise<boolean> {
    return await orReport(true, () => booksOrBooked(owner, signal));
  }

  /** What cannot be read is reported, and its charge is left to its request. */
  async function orReport<T>(left: T, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!isOdd(error)) throw error;
      deps.onOdd(error);
      return left;
    }
  }

  async function booksOrBooked(owner: IdTaken, signal: AbortSignal): Promise<boolean> {
    const record = await records.read(requestKeyOf(owner));
    if (record?.state === 'submitted' && record.requestId === owner.requestId && record.booked === undefined)
      return true;
    const result = await journal.readResult(owner.requestId, signal);
    if (result !== undefined) return result.cost > 0;
    // Without a record nobody knows: Redis was lost, and a rebuild goes on with it.
    return record === undefined;
  }

  async function explainStrangers(strangers: readonly Stranger[], signal: AbortSignal) {
    const orphans: { requestId: string; costMicroUsd: MicroUsd }[] = [];
    const attached: Explained['attached'][number][] = [];
    let undecided = 0;
    if (strangers.length === 0) return { orphans, attached, undecided };
    const charges = strangers.map(({ charge }) => charge);
    const known = await readHistory(charges, deps, signal);
    const shown = charges.flatMap(({ requestId, endpoint }) => {
      const entry = known.get(requestId);
      return entry === undefined ? [] : [{ requestId, endpoint, input: entry.input }];
    });
    const candidates = await findCandidates(shown, deps, signal);
    const gone = new Set<string>();
    const oldestFirst = strangers.toSorted((a, b) => a.charge.atMs - b.charge.atMs);
    for (const { charge, wasOrphan } of oldestFirst) {
      const { requestId, costMicroUsd } = charge;
      const entry = known.get(requestId);
      let taker: Candidate | 'wait' | undefined;
      if (candidates.odd > 0) {
        // Any of them may be of what cannot be read, so none is given away or written off.
        taker = 'wait';
      } else if (entry === undefined) {
        const isYoung = clock() - charge.atMs < deps.marginS(charge.endpoint) * 1_000;
        if (!wasOrphan && isYoung && candidates.open > 0) taker = 'wait';
      } else {
        // A run that made nothing is nothing to wait days for.
        const isOffered = !wasOrphan || (entry.output?.images.length ?? 0) > 0;
        const left = (candidates.byCharge.get(requestId) ?? []).filter(
          ({ request, state }) => !gone.has(request) && (isOffered || state === 'unknown'),
        );
        taker = await deps.attach({ requestId, sentAtMs: entry.sentAtMs }, left, signal);
      }
      if (taker === 'wait') {
        undecided += 1;
      } else if (taker !== undefined) {
        gone.add(taker.request);
        attached.push({ requestId, shot: taker.work.row.shot, costMicroUsd, wasOrphan });
      } else if (!wasOrphan && (await ownerOf(requestId, signal)) === undefined) {
        const told = {
          model: deps.modelOf(charge.endpoint),
          input: entry?.input,
          images: entry?.output?.images.length ?? 0,
        };
        const wrote = await corrections.writeOrphan(orphanOf(charge, told, deps), signal);
        if (wrote === 'created') orphans.push({ requestId, costMicroUsd });
      }
    }
    return { orphans, attached, undecided };
  }
}

/** A charge that no request has. */
interface Stranger {
  readonly charge: BookEvent;
  readonly wasOrphan: boolean;
}
