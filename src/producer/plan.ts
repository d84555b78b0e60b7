import { catalogOf } from '../shared/catalog.ts';
import type { Model } from '../shared/models/model.ts';
import type { PlannedRow } from '../shared/plan-row.ts';
import { FaultReport, type RowFault } from './fault.ts';
import { IdSet } from './id-set.ts';
import type { RawRow } from './list.ts';
import { assertOptions, type ListOptions } from './list-options.ts';
import type { NameJudge } from './name-judge.ts';
import type { PlanTotals } from './plan-totals.ts';
import { PlanWriter, type PlanWriterDeps } from './plan-writer.ts';
import { createValidator, type Shot, type Validated } from './shot.ts';
import { Spool } from './spool.ts';

export interface PlanDeps extends PlanWriterDeps {
  /** What `readList` gives. */
  readonly rows: AsyncIterable<RawRow | RowFault>;
  /** What the list is called: in messages, and at the head of the batch id. */
  readonly listName: string;
  readonly options: ListOptions;
  /** The model of the rows that name none, where no option does either. */
  readonly defaultModel: Model;
  /** Names of the recipes that there are. */
  readonly recipes: ReadonlySet<string>;
  /** Judges the names of the files; undefined where all of them are the default ones. */
  readonly judgeNames?: NameJudge | undefined;
  /** An existing folder, in which the plan gets one of its own until it is disposed of. */
  readonly spoolFolder: string;
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
  /** The first row of each chunk, where not all but the last have `PLAN_CHUNK_ROWS` rows. */
  readonly chunkStarts: readonly number[] | undefined;
  /** The bytes of a chunk (`readPlanChunk` reads them), from 0. */
  chunk(index: number): Promise<Buffer>;
  /** What the same chunk holds, by its requests alone. */
  requests(index: number): Promise<readonly PlannedRow[]>;
}

export interface ListPlan extends Plan {
  /** Rows that took the default model. */
  readonly defaultRows: number;
}

/**
 * Plans a list in one pass: every row is checked, what exists already is looked up, the rest is split into requests at
 * the lowest price. Rejects with one `UserError` (`bad_list`) for all faults of the list, and with the signal's reason
 * when it aborts; the spool folder is then gone. Memory is flat: a million rows take no more than a thousand.
 */
export async function planList(deps: PlanDeps): Promise<ListPlan> {
  const { listName, options, registry, defaultModel, recipes, signal } = deps;
  signal?.throwIfAborted();
  assertOptions(options, { registry, defaultModel, recipes });
  const warnings = new Set<string>();
  const fallback = { model: defaultModel, rows: 0 };
  const validate = createValidator({ registry, fallback, options, recipes, ids: new IdSet(), warnings });
  const faults = new FaultReport();
  let read: 'whole' | 'in part' = 'whole';
  const spool = await Spool.create(deps.spoolFolder);
  const writer = new PlanWriter(spool, deps, warnings);
  try {
    for await (const raw of deps.rows) {
      signal?.throwIfAborted();
      const validated = 'columns' in raw ? validate(raw) : { ok: false as const, faults: [raw] };
      const judged = validated.ok ? named(validated.shot, deps.judgeNames) : validated;
      if (judged.ok && faults.count === 0) await writer.add(judged.shot);
      if (!judged.ok) for (const fault of judged.faults) faults.add(fault);
      if (faults.isFull) {
        read = 'in part';
        break;
      }
    }
    if (faults.count > 0) throw faults.toError(listName, read);
    const { digest, totals } = await writer.finish();
    return {
      digest,
      batchId: batchIdOf(listName, digest),
      totals,
      warnings: [...warnings],
      defaultRows: fallback.rows,
      chunkCount: spool.chunkCount,
      chunkStarts: spool.chunkStarts,
      chunk: (index) => spool.read(index),
      requests: (index) => spool.requests(index),
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await writer.settle();
    await spool[Symbol.asyncDispose]();
    throw thrown;
  }
}

function named(shot: Shot, judge: NameJudge | undefined): Validated {
  const judged = judge?.({ ...shot, shot: shot.id });
  if (judged === undefined) return { ok: true, shot };
  if ('sentence' in judged) return { ok: false, faults: [judged] };
  return { ok: true, shot: judged.names === undefined ? shot : { ...shot, names: judged.names } };
}

/** The list's name in plain letters and 8 hex digits of its digest. */
export function batchIdOf(listName: string, digest: string): string {
  return `${catalogOf(listName)}-${digest.slice(0, 8)}`;
}
