import type { Journal } from '../../shared/journal.ts';
import { inputHashOf, type RequestName } from '../../shared/keys.ts';
import type { Batches } from '../../shared/records/batches.ts';
import type { RequestRecord } from '../../shared/records/record.ts';
import type { Records } from '../../shared/records/records.ts';
import type { State } from '../../shared/records/states.ts';
import { inputOf } from '../generate/input.ts';
import type { House, Work } from '../house.ts';

export interface CandidatesDeps {
  readonly batches: Pick<Batches, 'read' | 'list'>;
  readonly records: Pick<Records, 'open'>;
  readonly journal: Pick<Journal, 'readIntent'>;
  readonly house: Pick<House, 'work'>;
  readonly made: (shotKey: string, signal?: AbortSignal) => Promise<ReadonlySet<number>>;
}

/** A request that wants exactly what an input of fal's history asked for. */
export interface Candidate {
  readonly request: string;
  readonly name: RequestName;
  readonly state: State;
  readonly round: number;
  readonly work: Work;
  /** Which variants it asks, or would ask, for. */
  readonly indices: readonly number[];
  /** undefined where nothing was sent. */
  readonly intentAtMs: number | undefined;
}

/** What charges without an entry may belong to. */
export interface Candidates {
  /** By the hash of the input. */
  readonly byInput: ReadonlyMap<string, readonly Candidate[]>;
  /** Requests looked at that have, or will have, something to pay. */
  readonly open: number;
}

const IN_QUESTION: readonly State[] = ['unknown', 'submitting', 'planned', 'held'];

/** Of all batches under way. `numImages`: the numbers of images that the inputs in question ask for. */
export async function findCandidates(
  wanted: { readonly hashes: ReadonlySet<string>; readonly numImages: ReadonlySet<number> },
  deps: CandidatesDeps,
  signal: AbortSignal,
): Promise<Candidates> {
  const byInput = new Map<string, Candidate[]>();
  let open = 0;
  for await (const batch of batchesInQuestion(deps)) {
    for (const record of await inQuestion(batch, deps)) {
      signal.throwIfAborted();
      open += 1;
      if (wanted.hashes.size === 0) continue;
      const found = await candidateOf(record, wanted, deps, signal);
      if (found === undefined) continue;
      byInput.set(found.hash, [...(byInput.get(found.hash) ?? []), found.candidate]);
    }
  }
  return { byInput, open };
}

/** Whether any request may have a charge given to it; asks Redis alone, and little. */
export async function hasCandidates(deps: Pick<CandidatesDeps, 'batches'>): Promise<boolean> {
  for await (const _ of batchesInQuestion(deps)) return true;
  return false;
}

async function* batchesInQuestion({ batches }: Pick<CandidatesDeps, 'batches'>): AsyncGenerator<string> {
  for (const batch of await batches.list()) {
    const view = await batches.read(batch);
    if (view === undefined || view.doneAtMs !== undefined || view.word === 'cancelled') continue;
    if (IN_QUESTION.some((state) => view.counts[state] > 0)) yield batch;
  }
}

/** In the order of the list, so that each chunk of the plan is read once. */
async function inQuestion(batch: string, { records }: CandidatesDeps): Promise<RequestRecord[]> {
  const found: RequestRecord[] = [];
  for await (const chunk of records.open(batch))
    found.push(...chunk.filter(({ state }) => IN_QUESTION.includes(state)));
  return found.sort((a, b) => a.name.row - b.name.row || a.name.part - b.name.part);
}

async function candidateOf(
  { request, name, state, round }: RequestRecord,
  wanted: { readonly hashes: ReadonlySet<string>; readonly numImages: ReadonlySet<number> },
  { house, journal, made }: CandidatesDeps,
  signal: AbortSignal,
): Promise<{ readonly hash: string; readonly candidate: Candidate } | undefined> {
  const work = await house.work(request, signal);
  const { planned, model, row } = work;
  const hashFor = (numImages: number) => inputHashOf(model.endpoint, inputOf(work, numImages));
  const common = { request, name, state, round, work };
  if (state === 'unknown' || state === 'submitting') {
    const intent = await journal.readIntent(name, round, signal);
    const indices = intent?.indices ?? planned.indices;
    const hash = hashFor(indices.length);
    if (!wanted.hashes.has(hash)) return undefined;
    return { hash, candidate: { ...common, indices, intentAtMs: intent?.at } };
  }
  for (const numImages of wanted.numImages) {
    if (numImages > planned.indices.length || !wanted.hashes.has(hashFor(numImages))) continue;
    // It asks for those that do not exist yet; a request that has all of them has nothing to pay.
    const stored = await made(row.shotKey, signal);
    const indices = planned.indices.filter((index) => !stored.has(index));
    if (indices.length !== numImages) return undefined;
    return { hash: hashFor(numImages), candidate: { ...common, indices, intentAtMs: undefined } };
  }
  return undefined;
}
