import type { ListProcess } from '../producer/child/check-in-child.ts';
import { assertBatchId, type Enqueued, enqueue, standingOf } from '../producer/enqueue.ts';
import { rowsOfProof } from '../producer/plan/proof.ts';
import type { PlanTotals } from '../producer/plan/totals.ts';
import type { Config } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import { formatUsd, toUsd } from '../shared/base/money.ts';
import { count } from '../shared/base/text.ts';
import { systemClock } from '../shared/base/time.ts';
import { enterCatalog } from '../shared/catalog/catalog.ts';
import type { Head } from '../shared/journal/objects.ts';
import { storeRecipe } from '../shared/pictures/stored.ts';
import { Latencies } from '../shared/redis/latencies.ts';
import { waitingForProof } from '../shared/status/forecast.ts';
import { refuseTooLow } from './batches.ts';
import type { EnqueueOptions } from './enqueue-options.ts';
import { finishBy } from './finish-by.ts';
import { assertOnDone, otherOnDone } from './on-done.ts';
import {
  type PlanFacts,
  type PlanListRequest,
  type PlannedList,
  planList,
  type Surroundings,
} from './plan-list.ts';
import type { Shop } from './services.ts';

export interface EnqueueListRequest extends Omit<PlanListRequest, 'store' | 'lists'> {
  readonly shop: Shop;
  readonly prefix: string;
  readonly simulated: boolean;
  /** The process that reads and checks the list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
  /** Is called when the list is planned, and before anything is queued. */
  readonly onPlanned?: () => Promise<void>;
  /** Shows what it comes to, and rejects where the user does not want that. */
  readonly confirm: (quote: ListQuote) => Promise<void>;
}

/** What a list comes to, before anything is stored, queued or paid. */
export interface ListQuote {
  readonly batch: string;
  /** Whether the batch was queued before, and goes on. */
  readonly isKnown: boolean;
  readonly totals: PlanTotals;
  readonly facts: PlanFacts;
  readonly proof: PlannedList['proof'];
}

/** Before anything is opened. Throws a `UserError` on what only a dry run can do. */
export function refuseDryRunOptions({ fit }: Pick<EnqueueOptions, 'fit'>): void {
  if (fit === undefined) return;
  throw new UserError('usage', '--fit looks for a quality and queues nothing: add --dry-run.');
}

/** Before the list is read, also by a dry run. Throws a `UserError` on options with which nothing can be queued. */
export function assertQueueable(options: Pick<EnqueueOptions, 'batch' | 'onDone'>, config: Config): void {
  if (options.batch !== undefined) assertBatchId(options.batch);
  assertOnDone(options, config);
}

/**
 * Plans a list, has it confirmed, and queues it: the same list again goes on, and pays for nothing twice. Rejects with a
 * `UserError`, or with the signal's reason; called again after that it goes on.
 */
export async function enqueueList(
  surroundings: Surroundings,
  request: EnqueueListRequest,
  signal: AbortSignal,
): Promise<Enqueued & Pick<ListQuote, 'totals' | 'facts'>> {
  const { shop, config, options, prefix, simulated, onPlanned, confirm } = request;
  const { notices } = surroundings;
  assertQueueable(options, config);
  const planned = await planList(surroundings, { ...request, store: shop.store }, signal);
  const { plan, name, proof, ownRecipe } = planned;
  await using _plan = plan;
  await onPlanned?.();
  const batch = options.batch ?? plan.batchId;
  // Behind the plan: what the newest entry names is whole in the store. A single prompt is no catalog.
  const entered = async (of: string) => {
    if (options.prompt !== undefined) return;
    const prune = options.prune === true;
    await enterCatalog(shop.store, { batch: of, listName: name, prune }, systemClock, signal);
  };
  await shop.memory.open(signal);
  const standing = await standingOf(batch, plan.digest, shop, signal);
  const head = standing === 'unknown' ? undefined : await shop.journal.readHead(batch, signal);
  const otherEnd = head === undefined ? undefined : otherOnDone(batch, options, head);
  if (otherEnd !== undefined) notices.note(otherEnd);
  if (standing === 'ended') {
    await entered(batch);
    const totals = nothingToPay(plan.totals);
    return { batch, outcome: 'ended', totals, facts: { ...planned, finish: undefined } };
  }
  if (standing !== 'unknown') await lookAtStandingCap(shop, batch, options, notices);
  const latencies = new Latencies({ redis: shop.redis, prefix });
  const finish = await finishBy(planned, config, (kind) => latencies.of(kind));
  const other = head === undefined ? undefined : otherRegenerate(head, options);
  if (other !== undefined) notices.note(`${batch} was queued before ${other}, which stands`);
  const facts = { ...planned, finish, ...(other === undefined ? {} : { regenerate: undefined }) };
  const { totals } = plan;
  await confirm({ batch, isKnown: standing !== 'unknown', totals, facts, proof });
  if (ownRecipe !== undefined) await storeRecipe(shop.store, ownRecipe, signal);
  const { priority, cap, onDone, regenerate } = options;
  const enqueued = await enqueue(
    plan,
    {
      batch,
      listName: name,
      priority,
      cap,
      onDone,
      regenerate,
      simulated,
      proof: rowsOfProof(proof),
      signal,
    },
    { ...shop, add: shop.queues.add.bind(shop.queues), clock: systemClock },
  );
  await entered(enqueued.batch);
  if (standing !== 'unknown') await noteStandingProof(shop, batch, options, notices);
  return { ...enqueued, totals, facts };
}

/** A batch keeps the cap that it was queued with until a user resumes it with another one. */
async function lookAtStandingCap(
  { batches }: Shop,
  batch: string,
  { cap }: Pick<EnqueueOptions, 'cap'>,
  notices: Surroundings['notices'],
): Promise<void> {
  const view = await batches.read(batch);
  if (view === undefined || cap === undefined || cap === view.cap) return;
  refuseTooLow(view, cap);
  const standing = view.cap === undefined ? 'no cap' : `a cap of ${formatUsd(view.cap)}`;
  notices.note(
    `${batch} was queued before with ${standing}, which stands; to change it: shotlist resume ${batch} --cap ${toUsd(cap)}`,
  );
}

/** The head of a batch says for good how often its pictures are made again; undefined where that is what is asked for. */
function otherRegenerate(
  head: Head,
  { regenerate: asked }: Pick<EnqueueOptions, 'regenerate'>,
): string | undefined {
  if (head.regenerate === asked) return undefined;
  return head.regenerate === undefined ? 'without --regenerate' : `with --regenerate ${head.regenerate}`;
}

/** The head of a batch is written once, and says for good what is of its proof. */
async function noteStandingProof(
  { batches }: Shop,
  batch: string,
  { proof: asked }: Pick<EnqueueOptions, 'proof'>,
  notices: Surroundings['notices'],
): Promise<void> {
  const view = await batches.read(batch);
  if (view?.proof === 'open' && view.counts.held > 0)
    notices.note(
      `${count(waitingForProof(view), 'request')} of ${batch} wait for your word on its proof: shotlist approve ${batch}`,
    );
  else if (view?.proof === undefined && asked !== undefined)
    notices.note(`${batch} was queued before without a proof, so --proof holds nothing of it back`);
}

/** What has failed for good in a batch is not asked for again by queueing its list again. */
function nothingToPay(totals: PlanTotals): PlanTotals {
  return { ...totals, requests: 0, minMicroUsd: 0, maxMicroUsd: 0 };
}
