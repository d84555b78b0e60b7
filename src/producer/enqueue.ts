import pMap from 'p-map';
import { UserError } from '../shared/base/errors.ts';
import type { MicroUsd } from '../shared/base/money.ts';
import { shown } from '../shared/base/text.ts';
import { type Clock, optional } from '../shared/base/time.ts';
import type { Journal } from '../shared/journal/journal.ts';
import type { Head } from '../shared/journal/objects.ts';
import type { JobCall, QueueName } from '../shared/queues/jobs.ts';
import type { Batches } from '../shared/requests/batches.ts';
import { proofOf, waitsForProof } from '../shared/requests/proof.ts';
import type { Records } from '../shared/requests/records.ts';
import { batchIdFault } from '../shared/store/keys.ts';
import type { Plan } from './plan/plan.ts';

export interface EnqueueDeps {
  readonly journal: Journal;
  readonly batches: Batches;
  readonly records: Records;
  readonly add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>;
  /** The batch has nothing to do. */
  readonly ended: (batch: string) => Promise<void>;
  readonly clock: Clock;
}

export interface EnqueueOptions {
  /** Default: the plan's own id, so that the same list is the same batch. */
  readonly batch: string | undefined;
  readonly listName: string;
  readonly priority: number;
  readonly cap: MicroUsd | undefined;
  /** Where the webhook of its end goes; fixed when the batch is queued first. */
  readonly onDone?: string | undefined;
  readonly simulated: boolean;
  /** Rows (from 0) that run first, while the others wait for a person's word on them. Default: all run. */
  readonly proof?: readonly number[] | undefined;
  /** The batch whose pictures this one makes anew. */
  readonly redoOf?: string;
  /** So often at most a picture that fails a check is made anew. */
  readonly regenerate?: number | undefined;
  /** Of a batch that does so: the how manieth time this is. */
  readonly round?: number | undefined;
  /** The batch whose pictures this one renders anew. */
  readonly renderOf?: string;
  readonly signal?: AbortSignal;
  /** Rows whose requests are queued so far. */
  readonly onProgress?: (rows: number) => void;
}

export interface Enqueued {
  readonly batch: string;
  /** `new`: queued now. `goes-on`: was queued before and is not at its end. `ended`: nothing is left to do. */
  readonly outcome: 'new' | 'goes-on' | 'ended';
}

/** Chunks under way at once: each is a create-once PUT, a Lua script and an addBulk. */
const CHUNKS_AT_ONCE = 4;

/** How a batch stands before its list is queued (again). */
export type Standing = 'unknown' | 'half-queued' | 'goes-on' | 'ended';

/**
 * Looks, and changes nothing. Rejects with a `UserError` where the id cannot name a batch, names another list, or names
 * one that has begun to spend and that Redis has lost.
 */
export async function standingOf(
  batch: string,
  digest: string,
  { journal, batches }: Pick<EnqueueDeps, 'journal' | 'batches'>,
  signal?: AbortSignal,
): Promise<Standing> {
  const head = await headOfSame(batch, digest, journal, signal);
  if (head === undefined) return 'unknown';
  const known = await batches.read(batch);
  if (known?.doneAtMs !== undefined) return 'ended';
  if (known?.complete === true) return 'goes-on';
  if (known !== undefined) return 'half-queued';
  if ((await journal.readSummary(batch, signal)) !== undefined) return 'ended';
  if (await journal.hasIntents(batch, signal)) {
    throw new UserError(
      'redis_lost',
      `Batch ${batch} has begun to spend, but Redis no longer knows it: going on could pay for the same pictures again. Run shotlist rebuild ${batch}, which restores it from the store; nothing is paid by that.`,
    );
  }
  return 'half-queued';
}

/** Throws a `UserError` (`bad_batch`) if the id cannot name a batch. */
export function assertBatchId(batch: string): void {
  const fault = batchIdFault(batch);
  if (fault !== undefined)
    throw new UserError('bad_batch', `--batch ${shown(batch)} cannot be used: ${fault}.`);
}

/**
 * The head of the batch in the store; undefined if there is none. Rejects with a `UserError` if the id cannot name a
 * batch, or names another list.
 */
export async function headOfSame(
  batch: string,
  digest: string,
  journal: Pick<Journal, 'readHead'>,
  signal?: AbortSignal,
): Promise<Head | undefined> {
  assertBatchId(batch);
  const head = await journal.readHead(batch, signal);
  if (head !== undefined) assertSameList(head, digest);
  return head;
}

function assertSameList({ batch, digest: standing }: Head, digest: string): void {
  if (standing === digest) return;
  throw new UserError(
    'batch_taken',
    `Batch ${batch} exists with another list or other options; choose another --batch, or leave it out to have one named after the list.`,
  );
}

/**
 * Queues a plan: the head and the plan chunks to the store, then records, then jobs. A crash anywhere is mended by
 * the same call again, and a repeat changes nothing. Rejects as `standingOf` does.
 */
export async function enqueue(plan: Plan, options: EnqueueOptions, deps: EnqueueDeps): Promise<Enqueued> {
  const { journal, batches, records, add } = deps;
  const { priority, signal } = options;
  const batch = options.batch ?? plan.batchId;
  const standing = await standingOf(batch, plan.digest, deps, signal);
  if (standing === 'goes-on' || standing === 'ended') return { batch, outcome: standing };

  const { wrote, head } = await journal.writeHead(headOf(plan, batch, options, deps.clock()), signal);
  assertSameList(head, plan.digest);
  // Of a batch that Redis lost before it was queued in full, only the store knows what a person said.
  const events = wrote || head.proof === undefined ? [] : await journal.events(batch, signal);
  const proof = proofOf(head, events);
  await batches.create(head, proof);
  const waits = waitsForProof(head, proof);
  let rows = 0;
  await pMap(
    Array.from({ length: head.chunks }, (_, chunk) => chunk),
    async (chunk) => {
      const standing = await journal.writeChunk(batch, chunk, await plan.chunk(chunk), signal);
      const planned = standing === 'created' ? await plan.requests(chunk) : standing;
      const items = planned.flatMap(({ row, requests }) =>
        requests.map(({ part, kind }) => ({
          row,
          part,
          state: kind === 'reuse' ? ('generated' as const) : ('planned' as const),
          waitsForProof: kind === 'pay' && waits(row),
        })),
      );
      const created = await records.create(batch, items);
      if (created === undefined)
        throw new UserError(
          'redis_lost',
          `Redis lost batch ${batch} while it was queued; run the same command again.`,
        );
      const call = ({ request, round }: { request: string; round: number }) => ({ request, round, priority });
      await add('generate', created.filter(({ state }) => state === 'planned').map(call));
      await add('render', created.filter(({ state }) => state === 'generated').map(call));
      rows += planned.length;
      options.onProgress?.(rows);
    },
    { concurrency: CHUNKS_AT_ONCE, ...optional(signal) },
  );
  if (await batches.complete(batch)) {
    await deps.ended(batch);
    return { batch, outcome: 'ended' };
  }
  return { batch, outcome: wrote ? 'new' : 'goes-on' };
}

function headOf(plan: Plan, batch: string, options: EnqueueOptions, nowMs: number): Head {
  const { totals } = plan;
  return {
    batch,
    digest: plan.digest,
    listName: options.listName,
    createdAt: new Date(nowMs).toISOString(),
    simulated: options.simulated,
    chunks: plan.chunkCount,
    ...(plan.chunkStarts === undefined ? {} : { chunkStarts: plan.chunkStarts }),
    priority: options.priority,
    ...(options.cap === undefined ? {} : { cap: options.cap }),
    ...(options.onDone === undefined ? {} : { onDone: options.onDone }),
    shots: totals.shots,
    images: totals.images,
    reusedImages: totals.reusedImages,
    requests: totals.requests,
    minMicroUsd: totals.minMicroUsd,
    maxMicroUsd: totals.maxMicroUsd,
    naiveMicroUsd: totals.naiveMicroUsd,
    cheapestMicroUsd: totals.cheapestMicroUsd ?? 0,
    endpoints: totals.endpoints,
    ...(options.proof === undefined ? {} : { proof: { rows: [...options.proof] } }),
    ...(options.redoOf === undefined ? {} : { redoOf: options.redoOf }),
    ...(options.regenerate === undefined ? {} : { regenerate: options.regenerate }),
    ...(options.round === undefined ? {} : { round: options.round }),
    ...(options.renderOf === undefined ? {} : { renderOf: options.renderOf }),
  };
}
