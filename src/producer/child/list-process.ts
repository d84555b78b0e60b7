import { extname } from 'node:path';
import { Readable } from 'node:stream';
import type { Environment } from '../../shared/base/config.ts';
import type { Model } from '../../shared/models/model.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { type ListSource, promptRow } from '../list/list.ts';
import { createNameJudge } from '../shots/file-names.ts';
import type { ListOptions } from '../shots/options.ts';
import { checkInChild, type ListProcess } from './check-in-child.ts';
import { type Checked, checkRows } from './check-rows.ts';
import { PLAN_LIMITS } from './limits.ts';
import type { NamedRecipe } from './protocol.ts';

/** The process that reads and checks a list: the built file runs beside this one; from source it is loaded through tsx. */
export function listProcess(environment: Environment): ListProcess {
  const extension = extname(import.meta.url);
  return {
    file: new URL(`./plan-child-main${extension}`, import.meta.url),
    execArgv: extension === '.ts' ? ['--import', import.meta.resolve('tsx')] : [],
    environment,
    limits: PLAN_LIMITS,
  };
}

export interface CheckListDeps {
  readonly source: ListSource;
  /** Of the whole list, unpacked. */
  readonly maxBytes: number;
  readonly options: ListOptions;
  readonly registry: Registry;
  readonly defaultModel: Model;
  /** By their names in the plan. */
  readonly recipes: ReadonlyMap<string, NamedRecipe>;
  readonly lists: ListProcess;
  readonly signal: AbortSignal;
}

/** Checks a list in a process of its own; the one row of a prompt, which the user typed, in this one. */
export function checkList({ source, lists, ...deps }: CheckListDeps): AsyncIterable<Checked> {
  const { options, recipes, defaultModel } = deps;
  if (source.kind !== 'prompt')
    return checkInChild({ ...deps, source, defaultModel: defaultModel.endpoint, process: lists });
  return checkRows({
    ...deps,
    rows: Readable.from([promptRow(source.prompt)]),
    recipes: new Set(recipes.keys()),
    judgeNames: createNameJudge({ names: options.names, recipes }),
  });
}
