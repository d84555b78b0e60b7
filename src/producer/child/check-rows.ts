import { shown } from '../../shared/base/text.ts';
import type { Model } from '../../shared/models/model.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { RowFault } from '../list/fault.ts';
import type { RawRow } from '../list/list.ts';
import type { NameJudge } from '../shots/file-names.ts';
import { IdSet } from '../shots/id-set.ts';
import { LookAlikes } from '../shots/look-alikes.ts';
import type { ListOptions } from '../shots/options.ts';
import { createValidator, type Shot, type Validated } from '../shots/shot.ts';

export interface CheckDeps {
  /** What `readRows` gives. */
  readonly rows: AsyncIterable<RawRow | RowFault>;
  readonly options: ListOptions;
  readonly registry: Registry;
  /** The model of the rows that name none, if no option does either. */
  readonly defaultModel: Model;
  /** Names of the recipes that there are. */
  readonly recipes: ReadonlySet<string>;
  /** Judges the names of the files; undefined if all of them are the default ones. */
  readonly judgeNames?: NameJudge | undefined;
}

/** What the check of a list comes to, in the order of the list; the last one is always `default-rows`. */
export type Checked =
  | { readonly kind: 'shot'; readonly shot: Shot }
  | { readonly kind: 'fault'; readonly fault: RowFault }
  /** Said once a list: before the row that it is about, or behind all rows. */
  | { readonly kind: 'warning'; readonly text: string }
  /** How many rows took the default model. */
  | { readonly kind: 'default-rows'; readonly rows: number };

/**
 * Checks every row of a list, and asks nobody: no file, no store. Rejects as the rows do, and with a `UserError` if
 * `--names` fits no row of a recipe.
 */
export async function* checkRows(deps: CheckDeps): AsyncGenerator<Checked> {
  const { registry, options, recipes } = deps;
  const warnings = new Set<string>();
  const fallback = { model: deps.defaultModel, rows: 0 };
  const ids = new IdSet();
  const lookAlikes = new LookAlikes(ids);
  const validate = createValidator({ registry, fallback, options, recipes, ids, warnings });
  let told = 0;
  const unread = new Unread(options.ignore);
  for await (const given of deps.rows) {
    const raw = 'columns' in given ? unread.without(given) : given;
    const validated = 'columns' in raw ? validate(raw) : { ok: false as const, faults: [raw] };
    const judged = validated.ok ? named(validated.shot, deps.judgeNames) : validated;
    for (const text of warnings.size > told ? [...warnings].slice(told) : []) yield { kind: 'warning', text };
    told = warnings.size;
    if (judged.ok) lookAlikes.add(judged.shot.id, judged.shot.line);
    if (judged.ok) yield { kind: 'shot', shot: judged.shot };
    else for (const fault of judged.faults) yield { kind: 'fault', fault };
  }
  for (const column of unread.missing()) {
    const text = `--ignore ${shown(column)}: the list has no such column`;
    yield { kind: 'warning', text };
  }
  for (const text of lookAlikes.warnings()) yield { kind: 'warning', text };
  yield { kind: 'default-rows', rows: fallback.rows };
}

/** Columns that `--ignore` names. */
class Unread {
  readonly #columns: readonly string[];
  readonly #seen = new Set<string>();

  constructor(columns: readonly string[] = []) {
    this.#columns = columns;
  }

  without(row: RawRow): RawRow {
    if (this.#columns.length === 0) return row;
    const columns = { ...row.columns };
    for (const name of this.#columns) {
      if (!Object.hasOwn(columns, name)) continue;
      this.#seen.add(name);
      delete columns[name];
    }
    return { ...row, columns };
  }

  /** Those that no row had. */
  missing(): readonly string[] {
    return this.#columns.filter((name) => !this.#seen.has(name));
  }
}

function named(shot: Shot, judge: NameJudge | undefined): Validated {
  const judged = judge?.({ ...shot, shot: shot.id });
  if (judged === undefined) return { ok: true, shot };
  if ('sentence' in judged) return { ok: false, faults: [judged] };
  return { ok: true, shot: judged.names === undefined ? shot : { ...shot, names: judged.names } };
}
