import { canonicalPrompt, canonicalText, compareInput } from '../../shared/fal/compare-input.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { everyBatch } from '../../shared/requests/every-batch.ts';
import { inputOf } from '../../shared/requests/input.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { State } from '../../shared/requests/states.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import type { RequestName } from '../../shared/store/keys.ts';

export interface CandidatesDeps {
  readonly batches: Pick<Batches, 'read' | 'list'>;
  readonly records: Pick<Records, 'open'>;
  readonly journal: Pick<Journal, 'readIntent'>;
  readonly house: Pick<House, 'work'>;
  /** Hears of a batch or a record that cannot be read. */
  readonly onOdd: (error: Error) => void;
  readonly made: (shotKey: string, signal?: AbortSignal) => Promise<ReadonlySet<number>>;
}

/** A charge whose input fal's history shows. */
export interface ShownCharge {
  readonly requestId: string;
  readonly endpoint: string;
  readonly input: unknown;
}

/** A request that wants just what fal was asked for by a charge. */
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
  /** By fal's id. A request may stand at several. */
  readonly byCharge: ReadonlyMap<string, readonly Candidate[]>;
  /** Requests looked at that have, or will have, something to pay. */
  readonly open: number;
  /** Batches and records that could not be read, which may have or want any of the charges. */
  readonly odd: number;
}

const IN_QUESTION: readonly State[] = ['unknown', 'submitting', 'planned', 'held'];

/** Of all batches under way. */
export async function findCandidates(
  charges: readonly ShownCharge[],
  deps: CandidatesDeps,
  signal: AbortSignal,
): Promise<Candidates> {
  const byCharge = new Map<string, Candidate[]>();
  const ofPrompt = createOfPrompt(charges);
  let open = 0;
  let odd = 0;
  const onOdd = (error: Error) => {
    odd += 1;
    deps.onOdd(error);
  };
  for await (const batch of batchesInQuestion({ ...deps, onOdd })) {
    for (const record of await inQuestion(batch, { ...deps, onOdd })) {
      signal.throwIfAborted();
      open += 1;
      if (charges.length === 0) continue;
      const work = await deps.house.work(record.request, signal);
      const alike = ofPrompt(work);
      if (alike.length === 0) continue;
      const candidate = await candidateOf(record, work, alike, deps, signal);
      if (candidate === undefined) continue;
      for (const charge of alike.filter((one) => wants(candidate, one)))
        byCharge.set(charge.requestId, [...(byCharge.get(charge.requestId) ?? []), candidate]);
    }
  }
  return { byCharge, open, odd };
}

/** The charges of a request's endpoint and prompt: of a large batch, few requests are compared. */
function createOfPrompt(charges: readonly ShownCharge[]): (work: Work) => readonly ShownCharge[] {
  const byEndpoint = new Map<string, Map<string | undefined, ShownCharge[]>>();
  return ({ model, row }) => {
    const known = byEndpoint.get(model.endpoint);
    const byPrompt = known ?? new Map<string | undefined, ShownCharge[]>();
    if (known === undefined) {
      byEndpoint.set(model.endpoint, byPrompt);
      for (const charge of charges.filter(({ endpoint }) => endpoint === model.endpoint)) {
        const prompt = canonicalPrompt(charge.input, model);
        byPrompt.set(prompt, [...(byPrompt.get(prompt) ?? []), charge]);
      }
    }
    return byPrompt.get(canonicalText(row.prompt)) ?? [];
  };
}

function wants({ work, indices }: Pick<Candidate, 'work' | 'indices'>, { input }: ShownCharge): boolean {
  return compareInput(inputOf(work, indices.length), input, work.model) === 'same';
}

/** Whether any request may have a charge given to it; asks Redis alone, and little. */
export async function hasCandidates(deps: Pick<CandidatesDeps, 'batches' | 'onOdd'>): Promise<boolean> {
  for await (const _ of batchesInQuestion(deps)) return true;
  return false;
}

async function* batchesInQuestion({
  batches,
  onOdd,
}: Pick<CandidatesDeps, 'batches' | 'onOdd'>): AsyncGenerator<string> {
  for await (const { batch, view } of everyBatch(batches, { onOdd: (_, error) => onOdd(error) })) {
    if (view === undefined || view.doneAtMs !== undefined || view.word === 'cancelled') continue;
    if (IN_QUESTION.some((state) => view.counts[state] > 0)) yield batch;
  }
}

/** In the order of the list, so that each chunk of the plan is read once. */
async function inQuestion(batch: string, { records, onOdd }: CandidatesDeps): Promise<RequestRecord[]> {
  const found: RequestRecord[] = [];
  for await (const chunk of records.open(batch, onOdd))
    found.push(...chunk.filter(({ state }) => IN_QUESTION.includes(state)));
  return found.sort((a, b) => a.name.row - b.name.row || a.name.part - b.name.part);
}

async function candidateOf(
  { request, name, state, round }: RequestRecord,
  work: Work,
  charges: readonly ShownCharge[],
  { journal, made }: CandidatesDeps,
  signal: AbortSignal,
): Promise<Candidate | undefined> {
  const { planned, row } = work;
  const common = { request, name, state, round, work };
  if (state === 'unknown' || state === 'submitting') {
    const intent = await journal.readIntent(name, round, signal);
    return { ...common, indices: intent?.indices ?? planned.indices, intentAtMs: intent?.at };
  }
  // Asked before the store is: mostly no number of its pictures fits.
  const parts = planned.indices.map((_, at) => planned.indices.slice(0, at + 1));
  if (!parts.some((indices) => charges.some((charge) => wants({ work, indices }, charge)))) return undefined;
  // It asks for those that do not exist yet; a request that has all of them has nothing to pay.
  const stored = await made(row.shotKey, signal);
  const indices = planned.indices.filter((index) => !stored.has(index));
  return indices.length === 0 ? undefined : { ...common, indices, intentAtMs: undefined };
}
