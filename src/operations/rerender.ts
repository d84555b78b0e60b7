import { createHash } from 'node:crypto';
import type { Plan } from '../producer/plan/plan.ts';
import { Spool } from '../producer/plan/spool.ts';
import type { PlanTotals } from '../producer/plan/totals.ts';
import type { PlanWriterDeps } from '../producer/plan/writer.ts';
import type { NameJudge } from '../producer/shots/file-names.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Head } from '../shared/journal/objects.ts';
import type { PlannedRequest, PlanRow } from '../shared/journal/plan-row.ts';
import { planRows } from '../shared/journal/plan-rows.ts';
import { derivedBatchId } from '../shared/store/keys.ts';

export interface RerenderDeps extends Pick<PlanWriterDeps, 'made' | 'takes'> {
  readonly journal: Pick<Journal, 'readChunk'>;
  /** What judges the names of the files, once it is known by which template those of the batch are named. */
  readonly judgeNames: (before: string | undefined) => NameJudge | undefined;
  /** An existing folder, in which the plan gets one of its own until it is disposed of. */
  readonly spoolFolder: string;
  readonly signal: AbortSignal;
}

const NOTHING_TO_PAY: Omit<PlanTotals, 'shots' | 'images' | 'reuseRequests' | 'reusedImages'> = {
  requests: 0,
  fetchedImages: 0,
  minMicroUsd: 0,
  maxMicroUsd: 0,
  naiveMicroUsd: 0,
  cheapestMicroUsd: undefined,
  endpoints: [],
  groups: [],
};

/**
 * Plans the pictures of a batch that are stored into other renditions, as a batch of its own that asks fal for nothing:
 * the old renditions and their manifest stay as they are. `recipe` as the plan is to name it. The same pictures and
 * recipe are the same batch. Throws a `UserError` where no picture of the batch is stored, or two files would have one
 * name. Memory is flat.
 */
export async function planRerender(head: Head, recipe: string, deps: RerenderDeps): Promise<Plan> {
  const { journal, made, takes, signal } = deps;
  const spool = await Spool.create(deps.spoolFolder);
  const hash = createHash('sha256');
  let shots = 0;
  let images = 0;
  let judge: NameJudge | undefined;
  try {
    for await (const of of planRows(head, journal, signal)) {
      signal.throwIfAborted();
      const taken = of.take === undefined ? await takes?.(of.shotKey, of.variants) : undefined;
      const indices = [...new Set([...(await made(of.shotKey, of.variants)), ...(taken?.keys() ?? [])])].sort(
        (a, b) => a - b,
      );
      if (indices.length === 0) continue;
      if (shots === 0) judge = deps.judgeNames(of.names);
      const names = namesOf({ ...of, recipe }, judge);
      const request: PlannedRequest = { part: 0, indices, kind: 'reuse', minMicroUsd: 0, maxMicroUsd: 0 };
      const { requests: _, takes: __, names: ___, ...same } = of;
      const row: PlanRow = {
        ...same,
        row: shots,
        recipe,
        ...(names === undefined ? {} : { names }),
        requests: [request],
        ...(taken === undefined || taken.size === 0 ? {} : { takes: Object.fromEntries(taken) }),
      };
      shots += 1;
      images += indices.length;
      const json = JSON.stringify(row);
      hash.update(json);
      await spool.add(json, { row: row.row, requests: row.requests });
    }
    await spool.finish();
    if (shots === 0) {
      throw new UserError(
        'nothing_to_render',
        `No picture of ${head.batch} is stored: there is nothing to render. See shotlist status ${head.batch}.`,
      );
    }
    const digest = hash.digest('hex');
    return {
      digest,
      batchId: rerenderBatchId(head.batch, recipe, digest),
      totals: { ...NOTHING_TO_PAY, shots, images, reuseRequests: shots, reusedImages: images },
      warnings: [],
      chunkCount: spool.chunkCount,
      chunkStarts: spool.chunkStarts,
      chunk: (index) => spool.read(index),
      requests: (index) => spool.requests(index),
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    };
  } catch (thrown) {
    await spool[Symbol.asyncDispose]();
    throw thrown;
  }
}

function namesOf(row: PlanRow, judge: NameJudge | undefined): string | undefined {
  // Lines count from 1, rows from 0.
  const judged = judge?.({ ...row, line: row.row + 1 });
  if (judged === undefined || !('sentence' in judged)) return judged?.names;
  throw new UserError(
    'bad_names',
    `${row.shot}: ${judged.sentence}. Nothing was queued; --names says how the files are to be called.`,
  );
}

/** Told by what is rendered: more pictures, another take, recipe or names are another batch. */
function rerenderBatchId(batch: string, recipe: string, digest: string): string {
  const [name] = recipe.split('@');
  return derivedBatchId(batch, `.${name}-${digest.slice(0, 8)}`);
}
