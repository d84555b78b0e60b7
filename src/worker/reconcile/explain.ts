import { z } from 'zod';
import type { Corrections } from '../../shared/corrections.ts';
import { UserError } from '../../shared/errors.ts';
import type { Journal } from '../../shared/journal.ts';
import type { IdTaken } from '../../shared/journal-objects.ts';
import { inputHashOf, requestKeyOf } from '../../shared/keys.ts';
import type { MicroUsd } from '../../shared/money.ts';
import type { Records } from '../../shared/records/records.ts';
import type { Clock } from '../../shared/time.ts';
import { FalError } from '../generate/fal-error.ts';
import type { FalHistory, HistoryEntry } from '../generate/fal-platform.ts';
import { LONGEST_RUN_MS } from '../generate/limits.ts';
import type { Attach } from './attach.ts';
import type { BookEvent } from './billing.ts';
import { type Candidate, type CandidatesDeps, findCandidates } from './candidates.ts';
import type { Correct, Correction } from './correct.ts';
import { orphanOf } from './orphan.ts';

export interface ExplainDeps extends CandidatesDeps {
  readonly history: FalHistory;
  readonly records: Pick<Records, 'open' | 'holderOf' | 'read'>;
  readonly journal: Pick<Journal, 'readIntent' | 'readId' | 'readResult'>;
  readonly corrections: Pick<Corrections, 'writeOrphan'>;
  readonly correct: Pick<Correct, 'unbilled'>;
  readonly attach: Attach;
  /** The name of the model in the ledger. */
  readonly modelOf: (endpoint: string) => string;
  readonly startTimeoutS: number;
  readonly unknownMarginS: number;
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
  }[];
  /** Of requests under way, which book them themselves. */
  readonly underWay: number;
  /** Not to be told yet: fal's list is behind, or a request with the same input is being sent. */
  readonly undecided: number;
}

const inputs = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/**
 * Finds out what charges without a ledger entry are: of requests under way, of runs that were taken for unbilled, of
 * requests that want just these pictures, or of nobody. Rejects with a `UserError` when fal's list cannot be read.
 */
export function createExplain(deps: ExplainDeps) {
  const { records, journal, corrections, correct, clock } = deps;

  return async (charges: readonly BookEvent[], signal: AbortSignal): Promise<Explained> => {
    const corrected: Correction[] = [];
    const strangers: BookEvent[] = [];
    let underWay = 0;
    for (const charge of charges) {
      const owner = await ownerOf(charge.requestId, signal);
      if (owner === undefined) {
        strangers.push(charge);
        continue;
      }
      if (owner === 'under-way' || (await booksItself(owner, signal))) {
        underWay += 1;
        continue;
      }
      const correction = await correct.unbilled(owner, charge, signal);
      if (correction !== undefined) corrected.push(correction);
    }
    return { corrected, underWay, ...(await explainStrangers(strangers, signal)) };
  };

  /** `under-way`: taken in Redis so lately that the store does not say so yet. */
  async function ownerOf(requestId: string, signal: AbortSignal): Promise<IdTaken | 'under-way' | undefined> {
    const owner = await journal.readId(requestId, signal);
    if (owner !== undefined) return owner;
    return (await records.holderOf(requestId)) === undefined ? undefined : 'under-way';
  }

  /** The record first: what it says is settled has its result in the store by then. */
  async function booksItself(owner: IdTaken, signal: AbortSignal): Promise<boolean> {
    const record = await records.read(requestKeyOf(owner));
    if (record?.state === 'submitted' && record.requestId === owner.requestId && record.booked === undefined)
      return true;
    const result = await journal.readResult(owner.requestId, signal);
    if (result !== undefined) return result.cost > 0;
    // Without a record nobody knows: Redis was lost, and a rebuild goes on with it.
    return record === undefined;
  }

  async function explainStrangers(strangers: readonly BookEvent[], signal: AbortSignal) {
    const orphans: { requestId: string; costMicroUsd: MicroUsd }[] = [];
    const attached: { requestId: string; shot: string; costMicroUsd: MicroUsd }[] = [];
    let undecided = 0;
    if (strangers.length === 0) return { orphans, attached, undecided };
    const known = await readHistory(strangers, signal);
    const parsed = new Map(
      [...known].flatMap(([requestId, { input }]) => {
        const { success, data } = inputs.safeParse(input);
        return success ? [[requestId, data] as const] : [];
      }),
    );
    const hashes = new Map(
      strangers.flatMap(({ requestId, endpoint }) => {
        const input = parsed.get(requestId);
        return input === undefined ? [] : [[requestId, inputHashOf(endpoint, input)] as const];
      }),
    );
    // Whatever a model calls it, the number of images is one of the numbers of its input.
    const numbers = [...parsed.values()].flatMap((input) => Object.values(input)).filter(isCount);
    const wanted = { hashes: new Set(hashes.values()), numImages: new Set(numbers) };
    const candidates = await findCandidates(wanted, deps, signal);
    const gone = new Set<string>();
    const oldestFirst = strangers.toSorted((a, b) => a.atMs - b.atMs);
    for (const charge of oldestFirst) {
      const { requestId, costMicroUsd } = charge;
      const entry = known.get(requestId);
      const hash = hashes.get(requestId);
      let taker: Candidate | 'wait' | undefined;
      if (entry === undefined) {
        const isYoung = clock() - charge.atMs < deps.unknownMarginS * 1_000;
        if (isYoung && candidates.open > 0) taker = 'wait';
      } else if (hash !== undefined) {
        const left = (candidates.byInput.get(hash) ?? []).filter(({ request }) => !gone.has(request));
        taker = await deps.attach({ requestId, inputHash: hash, sentAtMs: entry.sentAtMs }, left, signal);
      }
      if (taker === 'wait') {
        undecided += 1;
      } else if (taker !== undefined) {
        gone.add(taker.request);
        attached.push({ requestId, shot: taker.work.row.shot, costMicroUsd });
      } else if ((await ownerOf(requestId, signal)) === undefined) {
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

  async function readHistory(
    strangers: readonly BookEvent[],
    signal: AbortSignal,
  ): Promise<Map<string, HistoryEntry & { readonly input: unknown }>> {
    const found = new Map<string, HistoryEntry & { readonly input: unknown }>();
    for (const endpoint of new Set(strangers.map((one) => one.endpoint))) {
      const own = strangers.filter((one) => one.endpoint === endpoint);
      const times = own.map(({ atMs }) => atMs);
      const longestMs = deps.startTimeoutS * 1_000 + LONGEST_RUN_MS;
      const window = {
        fromMs: times.reduce((a, b) => Math.min(a, b)) - longestMs,
        toMs: times.reduce((a, b) => Math.max(a, b)) + 60_000,
      };
      const ids = new Set(own.map(({ requestId }) => requestId));
      try {
        for (const [id, entry] of await deps.history.findByIds(endpoint, ids, window, signal))
          found.set(id, entry);
      } catch (error) {
        signal.throwIfAborted();
        const why = error instanceof FalError ? error.message : 'the answer is not what fal documents';
        throw new UserError(
          'list_away',
          `fal charged for ${own.length} requests that are not in the ledger, and its list, which tells what they are, cannot be read (${why}); run it again later.`,
          { cause: error },
        );
      }
    }
    return found;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 100;
}
