import { catalogOf } from '../../shared/catalog/catalog.ts';
import type { PlannedRow } from '../../shared/journal/plan-row.ts';
import type { Model } from '../../shared/models/model.ts';
import { type CheckDeps, type Checked, checkRows } from '../child/check-rows.ts';
import { FaultReport } from '../list/fault.ts';
import { assertOptions, type ListOptions } from '../shots/options.ts';
import { Spool } from './spool.ts';
import type { PlanTotals } from './totals.ts';
import { PlanWriter, type PlanWriterDeps } from './writer.ts';

export interface PlanCheckedDeps extends PlanWriterDeps {
  readonly checked: AsyncIterable<Checked>;
  /** What the list is called: in messages, and at the head of the batch id. */
  readonly listName: string;
  readonly options: ListOptions;
  /** The model of the rows that name none, where no option does either. */
  readonly defaultModel: Model;
  /** Names of the recipes that there are. */
  readonly recipes: ReadonlySet<string>;
  /** An existing folder, in which the plan gets one of its own until it is disposed of. */
  readonly spoolFolder: string;
}

export type PlanDeps = Omit<PlanCheckedDeps, 'checked'> & Pick<CheckDeps, 'rows' | 'judgeNames'>;

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

/** `planChecked` of rows that are checked in this process: only for rows that cannot harm it. */
export async function planList({ rows, judgeNames, ...deps }: PlanDeps): Promise<ListPlan> {
  return await planChecked({ ...deps, checked: checkRows({ ...deps, rows, judgeNames }) });
}

/**
 * Plans a list in one pass: of every row that is checked, what exists already is looked up, the rest is split into requests at
 * the lowest price. Rejects with one `UserError` (`bad_list`) for all faults of the list, and with the signal's reason
 * when it aborts; the spool folder is then gone. Memory is flat: a million rows take no more than a thousand.
 */
export async function planChecked(deps: PlanCheckedDeps): Promise<ListPlan> {
  const { listName, options, registry, defaultModel, recipes, signal } = deps;
  signal?.throwIfAborted();
  assertOptions(options, { registry, defaultModel, recipes });
  const warnings = new Set<string>();
  const faults = new FaultReport();
  let read: 'whole' | 'in part' = 'whole';
  let defaultRows = 0;
  const spool = await Spool.create(deps.spoolFolder);
  const writer = new PlanWriter(spool, deps, warnings);
  try {
    for await (const checked of deps.checked) {
      signal?.throwIfAborted();
      switch (checked.kind) {
        case 'shot':
          if (faults.count === 0) await writer.add(checked.shot);
          break;
        case 'fault':
          faults.add(checked.fault);
          break;
        case 'warning':
          warnings.add(checked.text);
          break;
        case 'default-rows':
          defaultRows = checked.rows;
          break;
      }
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
      defaultRows,
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

/** The list's name in plain letters and 8 hex digits of its digest. */
export function batchIdOf(listName: string, digest: string): string {
  return `${catalogOf(listName)}-${digest.slice(0, 8)}`;
}
