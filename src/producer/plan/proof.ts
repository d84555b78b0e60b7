import type { MicroUsd } from '../../shared/base/money.ts';
import type { PlannedRequest } from '../../shared/journal/plan-row.ts';
import type { Model, ModelValues } from '../../shared/models/model.ts';

/** Combinations of options that are told apart; the rest share one group, so that memory stays flat. */
const MAX_GROUPS = 200;

export interface SampledShot {
  /** Place in the list, from 0. */
  readonly row: number;
  readonly shotKey: string;
  readonly model: Model;
  readonly values: ModelValues;
  readonly requests: readonly PlannedRequest[];
}

/** What a proof came to. Rows of which nothing is to be paid are in neither figure: they are not held. */
export interface ChosenProof {
  /** In the order of the list. */
  readonly rows: readonly number[];
  /** Rows of the whole list with something to pay. */
  readonly payableRows: number;
  /** The dearest that the chosen rows can cost. */
  readonly maxMicroUsd: MicroUsd;
}

interface Candidate {
  readonly row: number;
  readonly shotKey: string;
  readonly maxMicroUsd: MicroUsd;
}

interface Group {
  readonly key: string;
  payableRows: number;
  /** Those with the smallest shot keys, in that order. */
  readonly best: Candidate[];
}

/**
 * Chooses the rows that are made first, spread over the options of the list, while it is read: the same rows of the same
 * list, wherever they stand in it. A shot key is a hash, so the smallest ones are as good as drawn by lot.
 */
export class ProofSample {
  readonly #size: number;
  readonly #groups = new Map<string, Group>();

  /** `size`: rows, from 1 to `MAX_PROOF_ROWS`. */
  constructor(size: number) {
    this.#size = size;
  }

  add({ row, shotKey, model, values, requests }: SampledShot): void {
    const paid = requests.filter(({ kind }) => kind === 'pay');
    if (paid.length === 0) return;
    const maxMicroUsd = paid.reduce((sum, request) => sum + request.maxMicroUsd, 0);
    const group = this.#groupOf(model, values);
    group.payableRows += 1;
    insert(group.best, { row, shotKey, maxMicroUsd }, this.#size);
  }

  chosen(): ChosenProof {
    // Biggest first, so that a small sample shows what most of the list is like.
    const groups = [...this.#groups.values()].sort(
      (a, b) => b.payableRows - a.payableRows || (a.key < b.key ? -1 : 1),
    );
    const chosen: Candidate[] = [];
    for (let turn = 0; turn < this.#size && chosen.length < this.#size; turn += 1) {
      for (const { best } of groups) {
        const candidate = best[turn];
        if (candidate !== undefined && chosen.length < this.#size) chosen.push(candidate);
      }
    }
    return {
      rows: chosen.map(({ row }) => row).sort((a, b) => a - b),
      payableRows: groups.reduce((sum, { payableRows }) => sum + payableRows, 0),
      maxMicroUsd: chosen.reduce((sum, one) => sum + one.maxMicroUsd, 0),
    };
  }

  #groupOf(model: Model, values: ModelValues): Group {
    const options = model.inputs.flatMap(({ name, type }) => (type === 'enum' ? [values[name]] : []));
    const key = [model.endpoint, ...options].join('\n');
    const kept = this.#groups.has(key) || this.#groups.size < MAX_GROUPS ? key : 'others';
    const group = this.#groups.get(kept) ?? { key: kept, payableRows: 0, best: [] };
    this.#groups.set(kept, group);
    return group;
  }
}

/** Keeps the list sorted by shot key and at most `most` long. */
function insert(best: Candidate[], candidate: Candidate, most: number): void {
  const last = best[most - 1];
  if (last !== undefined && !isBefore(candidate, last)) return;
  let from = 0;
  let to = best.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const there = best[middle];
    if (there !== undefined && isBefore(there, candidate)) from = middle + 1;
    else to = middle;
  }
  best.splice(from, 0, candidate);
  if (best.length > most) best.pop();
}

function isBefore(a: Candidate, b: Candidate): boolean {
  return a.shotKey < b.shotKey || (a.shotKey === b.shotKey && a.row < b.row);
}

/** The rows that run first; undefined where all can run, since none is left to wait. */
export function rowsOfProof(proof: ChosenProof | undefined): readonly number[] | undefined {
  return proof === undefined || proof.rows.length === proof.payableRows ? undefined : proof.rows;
}
