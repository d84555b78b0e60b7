import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/base/time.ts';
import type { PlannedRequest, PlanRow } from '../../shared/journal/plan-row.ts';
import type { ModelValues } from '../../shared/models/model.ts';
import { endWarning } from '../../shared/models/model-end.ts';
import { pricerOf } from '../../shared/models/price.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { Shot } from '../shots/shot.ts';
import { takeKeyOf } from '../shots/shot-key.ts';
import type { ProofSample } from './proof.ts';
import { inputOf, requestsOf } from './requests.ts';
import type { Spool } from './spool.ts';
import { type PlanTotals, TotalsCounter } from './totals.ts';

export interface PlanWriterDeps {
  readonly registry: Registry;
  /** Which of the shot's variants, numbered from 0, exist as originals already. Asked up to 32 shots at once. */
  readonly made: (shotKey: string, variants: number) => Promise<readonly number[]>;
  /** Which of them fal was paid for, and could not be had yet. Without it none. */
  readonly paid?: (shotKey: string, variants: number) => Promise<readonly number[]>;
  /**
   * Of variants that a person had made anew: the shot key of the take that counts, by number. They are made, whatever
   * `made` says. Without it take 0 counts for all.
   */
  readonly takes?: (shotKey: string, variants: number) => Promise<ReadonlyMap<number, string>>;
  /** A hash of the bytes at an address: only asked for a model with image inputs. */
  readonly hashOf: (url: string) => Promise<string>;
  /** Is told of every row, where a proof is to be made first. */
  readonly sample?: Pick<ProofSample, 'add'>;
  readonly clock: Clock;
  /** Told of each row, in the order of the list, for what else is to be known of it; a promise holds the next row up. */
  readonly onRow?: ((row: WrittenRow) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal;
}

/** A row as it stands in the plan. */
export interface WrittenRow {
  /** Place in the list, from 0. */
  readonly row: number;
  readonly shot: Shot;
  readonly shotKey: string;
  /** fal's inputs but prompt and number of pictures. */
  readonly input: ModelValues;
  readonly requests: readonly PlannedRequest[];
}

const LOOKUPS = 32;
const NO_TAKES: ReadonlyMap<number, string> = new Map();

interface Looked {
  readonly shotKey: string;
  readonly made: readonly number[];
  readonly paid: readonly number[];
  readonly takes: ReadonlyMap<number, string>;
}

/** Takes shots in the order of the list; looks ahead, keeps the order, adds up. */
export class PlanWriter {
  readonly #spool: Spool;
  readonly #deps: PlanWriterDeps;
  readonly #warnings: Set<string>;
  readonly #hash = createHash('sha256');
  readonly #totals = new TotalsCounter();
  readonly #ahead: { readonly shot: Shot; readonly looked: Promise<Looked> }[] = [];
  readonly #endpoints = new Set<string>();
  #row = 0;

  constructor(spool: Spool, deps: PlanWriterDeps, warnings: Set<string>) {
    this.#spool = spool;
    this.#deps = deps;
    this.#warnings = warnings;
  }

  async add(shot: Shot): Promise<void> {
    const looked = lookUp(shot, this.#deps);
    // Awaited in its turn; a list that turns out to be invalid never asks for it.
    looked.catch(() => undefined);
    this.#ahead.push({ shot, looked });
    if (this.#ahead.length >= LOOKUPS) await this.#writeNext();
  }

  async finish(): Promise<{ readonly digest: string; readonly totals: PlanTotals }> {
    while (this.#ahead.length > 0) await this.#writeNext();
    await this.#spool.finish();
    return { digest: this.#hash.digest('hex'), totals: this.#totals.totals() };
  }

  /** Resolves when no lookup is under way any more. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#ahead.splice(0).map(({ looked }) => looked));
  }

  async #writeNext(): Promise<void> {
    const next = this.#ahead.shift();
    if (next === undefined) return;
    const { shot } = next;
    const { shotKey, made, paid, takes } = await next.looked;
    this.#deps.signal?.throwIfAborted();
    this.#warnOfEnd(shot);
    const price = pricerOf(shot.model, shot.values, shot.prompt);
    const requests = requestsOf(shot, made, price, paid);
    const row: Omit<PlanRow, 'requests' | 'takes'> = {
      row: this.#row,
      shot: shot.id,
      shotKey,
      model: shot.model.endpoint,
      prompt: shot.prompt,
      input: inputOf(shot),
      recipe: shot.recipe,
      ...(shot.names === undefined ? {} : { names: shot.names }),
      variants: shot.variants,
      columns: shot.columns,
    };
    this.#deps.sample?.add({ ...shot, row: this.#row, shotKey, requests });
    this.#row += 1;
    // What exists already changes from run to run; the batch id must not.
    const json = JSON.stringify(row);
    this.#hash.update(json);
    this.#totals.add({ ...shot, requests, singleMicroUsd: price(1).maxMicroUsd });
    await this.#deps.onRow?.({ row: row.row, shot, shotKey, input: row.input, requests });
    const taken = takes.size === 0 ? '' : `,"takes":${JSON.stringify(Object.fromEntries(takes))}`;
    await this.#spool.add(`${json.slice(0, -1)},"requests":${JSON.stringify(requests)}${taken}}`, {
      row: row.row,
      requests: requests.map(({ part, kind }) => ({ part, kind })),
    });
  }

  #warnOfEnd({ model }: Shot): void {
    if (this.#endpoints.has(model.endpoint)) return;
    this.#endpoints.add(model.endpoint);
    const warning = endWarning(model, this.#deps.registry, this.#deps.clock());
    if (warning !== undefined) this.#warnings.add(warning);
  }
}

/** The shot's key, and which of its pictures exist or are paid. */
export async function lookUp(
  shot: Shot,
  { made: madeOf, paid: paidOf, takes, hashOf }: Pick<PlanWriterDeps, 'made' | 'paid' | 'takes' | 'hashOf'>,
): Promise<Looked> {
  const shotKey = await takeKeyOf(shot, 0, hashOf);
  const [originals, paid, taken] = await Promise.all([
    madeOf(shotKey, shot.variants),
    paidOf?.(shotKey, shot.variants) ?? [],
    takes?.(shotKey, shot.variants) ?? NO_TAKES,
  ]);
  const made = taken.size === 0 ? originals : [...new Set([...originals, ...taken.keys()])];
  return { shotKey, made, paid, takes: taken };
}
