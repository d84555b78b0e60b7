import type { JobCall, QueueName } from '../queues/jobs.ts';
import type { Queues } from '../queues/queues.ts';
import { parseJobId } from '../store/keys.ts';
import type { Batches, BehindMark, CaughtUp, Word } from './batches.ts';
import type { Records } from './records.ts';

export interface CatchUpDeps {
  readonly batches: Batches;
  readonly records: Records;
  readonly queues: Pick<Queues, 'add' | 'waitingIds' | 'removeIds'>;
  readonly ended: (batch: string) => Promise<void>;
}

export interface CatchUpOptions {
  /** Asked between steps of some hundred requests: whether to leave the rest to somebody else. */
  readonly enough?: () => boolean;
}

/**
 * Brings a batch's jobs in line with its word: gives those that are missing when it runs, clears the waiting ones when
 * it does not, cancels what waits when it is cancelled. The word itself has taken effect before, in every transition;
 * this only saves the rate limit a token for each job that could but be turned away. Safe to repeat, by several at
 * once and beside running work.
 */
export async function catchUp(
  batch: string,
  deps: CatchUpDeps,
  { enough = () => false }: CatchUpOptions = {},
): Promise<CaughtUp> {
  const { batches } = deps;
  const behind = (await batches.behind()).get(batch);
  if (behind === undefined) return { finished: true, requests: 0 };
  const word = await batches.word(batch);
  let requests = 0;
  for await (const step of stepsOf(batch, word, behind, deps)) {
    requests += step;
    // Changed meanwhile: the new word has its own mark, and what was just done is looked at again.
    if ((await batches.word(batch)) !== word) {
      await batches.leaveBehind(batch);
      return { finished: false, requests };
    }
    if (enough()) return { finished: false, requests };
  }
  return { finished: await batches.caughtUp(batch, behind), requests };
}

/** Yields after each step how many requests it moved. */
async function* stepsOf(
  batch: string,
  word: Word | undefined,
  { mode }: BehindMark,
  deps: CatchUpDeps,
): AsyncGenerator<number> {
  const { batches, records, queues, ended } = deps;
  switch (word) {
    case undefined:
      return;
    case 'running':
      yield* giveMissing(batch, mode, deps);
      return;
    case 'paused':
    case 'held':
      yield* clearJobs(batch, queues);
      // Approved while it is paused: planned, without a job until it is resumed.
      if ((await batches.read(batch))?.proof === 'approved') yield* giveMissing(batch, 'sweep', deps);
      return;
    case 'cancelled': {
      // First, and from the front of the queue: that is where a worker would meet them.
      yield* clearJobs(batch, queues);
      for await (const { cancelled, ended: isEnd } of records.cancelWaiting(batch)) {
        if (isEnd) await ended(batch);
        yield cancelled.length;
      }
      return;
    }
  }
}

async function* giveMissing(
  batch: string,
  mode: BehindMark['mode'],
  { batches, records, queues }: CatchUpDeps,
): AsyncGenerator<number> {
  const priority = (await batches.read(batch))?.priority ?? 0;
  for await (const chunk of records.jobless(batch, mode))
    yield await giveChunk(chunk, priority, queues.add.bind(queues));
}

const PAGE = 250;
/** While it walks, others move the queue, so that a job may slip by; what slips by this often is turned away by a worker. */
const MAX_PASSES = 3;

/**
 * Removes the batch's waiting generate jobs, in the order in which they would start. Reads ids alone, of whatever
 * batch; a job in hand stays.
 */
async function* clearJobs(batch: string, queues: CatchUpDeps['queues']): AsyncGenerator<number> {
  for (let pass = 0; pass < MAX_PASSES; pass += 1) {
    let removed = 0;
    for (const where of ['wait', 'prioritized', 'delayed'] as const) {
      let kept = 0;
      for (;;) {
        const ids = await queues.waitingIds('generate', where, { from: kept, count: PAGE });
        const ours = ids.filter((id) => parseJobId(id)?.batch === batch);
        if (ours.length > 0) await queues.removeIds('generate', ours);
        removed += ours.length;
        kept += ids.length - ours.length;
        yield 0;
        if (ids.length < PAGE) break;
      }
    }
    if (removed === 0) return;
  }
}

/** Adds the jobs of what `Records.jobless` found; resolves to how many. */
export async function giveJobs(
  chunks: ReturnType<Records['jobless']>,
  priority: number,
  add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>,
): Promise<number> {
  let given = 0;
  for await (const chunk of chunks) given += await giveChunk(chunk, priority, add);
  return given;
}

type Chunk = ReturnType<Records['jobless']> extends AsyncGenerator<infer One> ? One : never;

async function giveChunk(
  chunk: Chunk,
  priority: number,
  add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>,
): Promise<number> {
  let given = 0;
  for (const queue of ['generate', 'collect', 'render'] as const) {
    const calls = chunk
      .filter((one) => one.queue === queue)
      .map(({ request, round }) => ({ request, round, priority }));
    if (calls.length > 0) await add(queue, calls);
    given += calls.length;
  }
  return given;
}
