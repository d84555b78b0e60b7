import { defaultRegistry } from '../../shared/models/registry.ts';
import type { RowFault } from '../list/fault.ts';
import { type ListForm, type RawRow, readRows } from '../list/list.ts';
import { createNameJudge } from '../shots/file-names.ts';
import { checkRows } from './check-rows.ts';
import { encodeChecked, encodeFailure, type PlanJob } from './protocol.ts';
import { startPlanWatch } from './watch.ts';

export interface PlanChildDeps {
  /** Default: the list's bytes are parsed. */
  readonly read?: (bytes: AsyncIterable<Uint8Array>, form: ListForm) => AsyncIterable<RawRow | RowFault>;
}

/** Answers are written when they are so many characters. */
const BLOCK_CHARACTERS = 65_536;

/**
 * What the process of one list does: it takes a `PlanJob` from its parent and the list's bytes by its standard input,
 * and writes what the check comes to on its standard output, a line each. It opens nothing else.
 */
export function startPlanChild({ read = readRows }: PlanChildDeps = {}): void {
  // A terminal's Ctrl-C reaches this process too; its parent decides, and ends it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.once('disconnect', () => process.exit(0));
  // Forked by this very program, from the file beside its own.
  process.once('message', (job) => void work(job as PlanJob, read));
}

async function work(job: PlanJob, read: NonNullable<PlanChildDeps['read']>): Promise<void> {
  const { form, options, limits } = job;
  try {
    await startPlanWatch(limits);
    const registry = defaultRegistry();
    const recipes = new Map(job.recipes);
    const checked = checkRows({
      rows: read(process.stdin, form),
      options,
      registry,
      defaultModel: registry.get(job.defaultModel),
      recipes: new Set(recipes.keys()),
      judgeNames: createNameJudge({ names: options.names, recipes }),
    });
    let block = '';
    for await (const one of checked) {
      block += encodeChecked(one);
      if (block.length < BLOCK_CHARACTERS) continue;
      await write(block);
      block = '';
    }
    await write(block);
  } catch (thrown) {
    await write(encodeFailure(thrown));
  }
  process.exit(0);
}

/** Resolves when the parent has room for more. */
async function write(text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    process.stdout.write(text, (error) => {
      // Nobody reads any more.
      if (error) process.exit(1);
      resolve();
    });
  });
}
