import { createHash } from 'node:crypto';
import { UserError } from '../shared/errors.ts';
import { shotKeyOf } from '../shared/keys.ts';
import { endWarning, type InputValue, type ModelValues } from '../shared/models/model.ts';
import { pricerOf } from '../shared/models/price.ts';
import type { Registry } from '../shared/models/registry.ts';
import type { PlannedRequest, PlanRow } from '../shared/plan-row.ts';
import type { Clock } from '../shared/time.ts';
import { FaultReport, type RowFault } from './fault.ts';
import { IdSet } from './id-set.ts';
import type { RawRow } from './list.ts';
import { assertOptions, type ListOptions } from './list-options.ts';
import { type PlanTotals, TotalsCounter } from './plan-totals.ts';
import { splitVariants } from './planner.ts';
import { createValidator, type Shot } from './shot.ts';
import { Spool } from './spool.ts';

export interface PlanDeps {
  /** What `readList` gives. */
  readonly rows: AsyncIterable<RawRow | RowFault>;
  /** What the list is called: in messages, and at the head of the batch id. */
  readonly listName: string;
  readonly options: ListOptions;
  readonly registry: Registry;
  /** Names of the recipes that there are. */
  readonly recipes: ReadonlySet<string>;
  /** Which of the shot's variants, numbered from 0, exist as originals already. Asked up to 32 shots at once. */
  readonly made: (shotKey: string, variants: number) => Promise<readonly number[]>;
  /** A hash of the bytes at an address: only asked for a model with image inputs. */
  readonly hashOf: (url: string) => Promise<string>;
  /** An existing folder, in which the plan gets one of its own until it is disposed of. */
  readonly spoolFolder: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** A list that is valid, in requests, on disk. Dispose of it when its chunks are stored. */
export interface Plan extends AsyncDisposable {
  /** SHA-256 in hex of all validated rows: the same list with the same options, whatever exists already. */
  readonly digest: string;
  /** The batch that this list is, where the person named none. */
  readonly batchId: string;
  readonly totals: PlanTotals;
  readonly warnings: readonly string[];
  readonly chunkCount: number;
  /** The bytes of a chunk (`readPlanChunk` reads them), from 0. */
  chunk(index: number): Promise<Buffer>;
}

const LOOKUPS = 32;

/**
 * Plans a list in one pass: every row is checked, what exists already is looked up, the rest is split into requests at
 * the lowest price. Rejects with one `UserError` (`bad_list`) for all faults of the list, and with the signal's reason
 * when it aborts; the spool folder is then gone. Memory is flat: a million rows take no more than a thousand.
 */
export async function planList(deps: PlanDeps): Promise<Plan> {
  const { listName, options, registry, recipes, signal } = deps;
  signal?.throwIfAborted();
  assertOptions(options, { registry, recipes });
  const warnings = new Set<string>();
  const validate = createValidator({ registry, options, recipes, ids: new IdSet(), warnings });
  const faults = new FaultReport();
  const spool = await Spool.create(deps.spoolFolder);
  const writer = new PlanWriter(spool, deps, warnings);
  try {
    for await (const raw of deps.rows) {
      signal?.throwIfAborted();
      const validated = 'columns' in raw ? validate(raw) : { ok: false as const, faults: [raw] };
      if (validated.ok && faults.count === 0) await writer.add(validated.shot);
      if (!validated.ok) for (const fault of validated.faults) faults.add(fault);
    }
    if (faults.count > 0) throw faults.toError(listName);
    const { digest, totals } = await writer.finish();
    return {
      digest,
      batchId: batchIdOf(listName, digest),
      totals,
      warnings: [...warnings],
      chunkCount: spool.chunkCount,
      chunk: (index) => spool.read(index),
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await writer.settle();
    await spool[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** The list's name in plain letters and 8 hex digits of its digest. */
export function batchIdOf(listName: string, digest: string): string {
  const slug = listName
    .replace(/\.gz$/i, '')
    .replace(/\.(csv|tsv|jsonl|ndjson)$/i, '')
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return `${slug === '' ? 'list' : slug}-${digest.slice(0, 8)}`;
}

interface Looked {
  readonly shotKey: string;
  readonly made: readonly number[];
}

/** Takes shots in the order of the list; looks ahead, keeps the order, adds up. */
class PlanWriter {
  readonly #spool: Spool;
  readonly #deps: PlanDeps;
  readonly #warnings: Set<string>;
  readonly #hash = createHash('sha256');
  readonly #totals = new TotalsCounter();
  readonly #ahead: { readonly shot: Shot; readonly looked: Promise<Looked> }[] = [];
  readonly #endpoints = new Set<string>();
  #row = 0;

  constructor(spool: Spool, deps: PlanDeps, warnings: Set<string>) {
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
    const { shotKey, made } = await next.looked;
    this.#deps.signal?.throwIfAborted();
    this.#warnOfEnd(shot);
    const price = pricerOf(shot.model, shot.values, shot.prompt);
    const requests = requestsOf(shot, made, price);
    const row: Omit<PlanRow, 'requests'> = {
      row: this.#row,
      shot: shot.id,
      shotKey,
      model: shot.model.endpoint,
      prompt: shot.prompt,
      input: inputOf(shot),
      recipe: shot.recipe,
      variants: shot.variants,
      columns: shot.columns,
    };
    this.#row += 1;
    // What exists already changes from run to run; the batch id must not.
    const json = JSON.stringify(row);
    this.#hash.update(json);
    this.#totals.add({ ...shot, requests, singleMicroUsd: price(1).maxMicroUsd });
    await this.#spool.add(`${json.slice(0, -1)},"requests":${JSON.stringify(requests)}}`);
  }

  #warnOfEnd({ model }: Shot): void {
    if (this.#endpoints.has(model.endpoint)) return;
    this.#endpoints.add(model.endpoint);
    const warning = endWarning(model, this.#deps.clock());
    if (warning !== undefined) this.#warnings.add(warning);
  }
}

async function lookUp(shot: Shot, { made, hashOf }: PlanDeps): Promise<Looked> {
  const options: Record<string, InputValue> = {};
  for (const input of shot.model.inputs) {
    const value = shot.values[input.name];
    if (value === undefined) continue;
    if (input.type === 'image')
      options[input.name] = await imageHash(shot, input.name, String(value), hashOf);
    else if (input.changesPicture) options[input.name] = value;
  }
  const shotKey = shotKeyOf({
    id: shot.id,
    model: shot.model.endpoint,
    prompt: shot.prompt,
    options,
    take: 0,
  });
  return { shotKey, made: await made(shotKey, shot.variants) };
}

async function imageHash(
  { line, id }: Shot,
  column: string,
  url: string,
  hashOf: PlanDeps['hashOf'],
): Promise<string> {
  try {
    return await hashOf(url);
  } catch (thrown) {
    throw new UserError(
      'image_unreadable',
      `line ${line}, column ${column}: the image of ${JSON.stringify(id)} cannot be read; check its address. Nothing was queued.`,
      { cause: thrown },
    );
  }
}

/** fal's input, without prompt and number of pictures. */
function inputOf({ model, values }: Shot): ModelValues {
  const sent: Record<string, InputValue> = {};
  for (const { name, sentAtDefault, default: standard } of model.inputs) {
    const value = values[name];
    if (value !== undefined && (sentAtDefault || value !== standard)) sent[name] = value;
  }
  return sent;
}

/** Paid requests for what is missing, lowest numbers first, then one request for all that exists already. */
function requestsOf(
  { model, variants }: Shot,
  made: readonly number[],
  price: ReturnType<typeof pricerOf>,
): PlannedRequest[] {
  const exists = new Set(made);
  const all = Array.from({ length: variants }, (_, index) => index);
  const missing = all.filter((index) => !exists.has(index));
  const reused = all.filter((index) => exists.has(index));
  const sizes = splitVariants({
    count: missing.length,
    maxPerRequest: model.images.maxPerRequest,
    priceOf: (n) => price(n).maxMicroUsd,
  });
  let from = 0;
  const requests = sizes.map((size, part): PlannedRequest => {
    const indices = missing.slice(from, from + size);
    from += size;
    return { part, indices, kind: 'pay', ...price(size) };
  });
  if (reused.length > 0) {
    requests.push({ part: sizes.length, indices: reused, kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 });
  }
  return requests;
}
