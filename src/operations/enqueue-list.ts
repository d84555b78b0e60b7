import type { Stack } from '../app/connections.ts';
import type { ListCommand } from '../cli/commands/list.ts';
import { type Context, say } from '../cli/context.ts';
import type { ListArguments } from '../cli/options/list.ts';
import { assertOnDone, otherOnDone } from '../cli/options/on-done.ts';
import { reportLines } from '../cli/output/plan.ts';
import type { PlanFacts } from '../cli/output/plan-json.ts';
import { proofSentence, rowsOfProof } from '../cli/output/proof-words.ts';
import type { ListProcess } from '../producer/child/check-in-child.ts';
import { type Enqueued, enqueue, standingOf } from '../producer/enqueue.ts';
import type { PlanTotals } from '../producer/plan/totals.ts';
import type { Config } from '../shared/base/config.ts';
import { count } from '../shared/base/count.ts';
import { UserError } from '../shared/base/errors.ts';
import { formatUsd, toUsd } from '../shared/base/money.ts';
import { systemClock } from '../shared/base/time.ts';
import { enterCatalog } from '../shared/catalog/catalog.ts';
import { storeRecipe } from '../shared/pictures/stored.ts';
import { Latencies } from '../shared/redis/latencies.ts';
import { waitingForProof } from '../shared/status/forecast.ts';
import { refuseTooLow } from './batches.ts';
import { finishBy } from './finish-by.ts';
import { confirmSpending, planFromArguments, planSentence } from './plan-list.ts';
import type { Shop } from './services.ts';

export interface QueueListOptions {
  readonly stack: Stack;
  readonly shop: Shop;
  readonly config: Config;
  readonly command: ListCommand;
  readonly list: string | undefined;
  readonly args: ListArguments;
  /** The process that reads and checks the list; default: the one that ships. */
  readonly lists?: ListProcess | undefined;
  /** Is called when the list is planned, and before anything is queued. */
  readonly onPlanned?: () => Promise<void>;
}

/** Before anything is opened. Throws a `UserError` on what only a dry run can do. */
export function refuseDryRunOptions({ fit }: Pick<ListArguments, 'fit'>): void {
  if (fit === undefined) return;
  throw new UserError('usage', '--fit looks for a quality and queues nothing: add --dry-run.');
}

/** What `run` and `enqueue` have in common: plan the list, say what it comes to, ask, queue it. */
export async function queueList(
  context: Context,
  { stack, shop, config, command, list, args, lists, onPlanned }: QueueListOptions,
): Promise<Enqueued & { readonly totals: PlanTotals; readonly facts: PlanFacts }> {
  assertOnDone(args, config);
  const planned = await planFromArguments(context, {
    command,
    list,
    args,
    config,
    store: shop.store,
    lists,
  });
  const { plan, name, proof, ownRecipe } = planned;
  await using _plan = plan;
  await onPlanned?.();
  for (const note of stack.notes) say(context, `note: ${note}`);
  const batch = args.batch ?? plan.batchId;
  // Behind the plan: what the newest entry names is whole in the store. A single prompt is no catalog.
  const entered = async (of: string) => {
    if (args.prompt !== undefined) return;
    const prune = args.prune === true;
    await enterCatalog(shop.store, { batch: of, listName: name, prune }, systemClock, context.signal);
  };
  await shop.memory.open(context.signal);
  const standing = await standingOf(batch, plan.digest, shop, context.signal);
  if (standing !== 'unknown') await sayStandingOnDone(context, shop, batch, args);
  if (standing === 'ended') {
    say(context, `${batch} has ended before: nothing is left to do, $0.00.`);
    await entered(batch);
    return {
      batch,
      outcome: 'ended',
      totals: nothingToPay(plan.totals),
      facts: { ...planned, finish: undefined },
    };
  }
  if (standing !== 'unknown') await lookAtStandingCap(context, shop, batch, args);
  const latencies = new Latencies({ redis: shop.redis, prefix: stack.prefix });
  const finish = await finishBy(planned, config, (kind) => latencies.of(kind));
  const other = standing === 'unknown' ? undefined : await otherRegenerate(context, shop, batch, args);
  if (other !== undefined) say(context, `note: ${batch} was queued before ${other}, which stands`);
  const facts = { ...planned, finish, ...(other === undefined ? {} : { regenerate: undefined }) };
  say(context, planSentence(plan.totals));
  for (const line of reportLines(facts, plan.totals.shots, { args, config, nowMs: context.clock() }))
    say(context, line);
  if (proof !== undefined && standing === 'unknown') say(context, proofSentence(batch, proof));
  const { maxMicroUsd } = plan.totals;
  // What may be paid, pictures that are made again included.
  const most = maxMicroUsd + (facts.regenerate?.maxMicroUsd ?? 0);
  await confirmSpending(context, { maxMicroUsd: most }, args, config);
  if (ownRecipe !== undefined) await storeRecipe(shop.store, ownRecipe, context.signal);
  const enqueued = await enqueue(
    plan,
    {
      batch,
      listName: name,
      priority: args.priority,
      cap: args.cap,
      onDone: args.onDone,
      regenerate: args.regenerate,
      simulated: stack.simulated,
      proof: rowsOfProof(proof),
      signal: context.signal,
    },
    { ...shop, add: shop.queues.add.bind(shop.queues), clock: systemClock },
  );
  await entered(enqueued.batch);
  if (standing !== 'unknown') await sayStandingProof(context, shop, batch, args);
  return { ...enqueued, totals: plan.totals, facts };
}

/** A batch keeps the cap that it was queued with until a person resumes it with another one. */
async function lookAtStandingCap(
  context: Context,
  { batches }: Shop,
  batch: string,
  { cap }: ListArguments,
): Promise<void> {
  const view = await batches.read(batch);
  if (view === undefined || cap === undefined || cap === view.cap) return;
  refuseTooLow(view, cap);
  const standing = view.cap === undefined ? 'no cap' : `a cap of ${formatUsd(view.cap)}`;
  say(
    context,
    `note: ${batch} was queued before with ${standing}, which stands; to change it: shotlist resume ${batch} --cap ${toUsd(cap)}`,
  );
}

async function sayStandingOnDone(
  context: Context,
  { journal }: Shop,
  batch: string,
  args: ListArguments,
): Promise<void> {
  const head = await journal.readHead(batch, context.signal);
  const other = head === undefined ? undefined : otherOnDone(batch, args, head);
  if (other !== undefined) say(context, `note: ${other}`);
}

/** The head of a batch says for good how often its pictures are made again; undefined where that is what is asked for. */
async function otherRegenerate(
  context: Context,
  { journal }: Shop,
  batch: string,
  { regenerate: asked }: ListArguments,
): Promise<string | undefined> {
  const head = await journal.readHead(batch, context.signal);
  if (head === undefined || head.regenerate === asked) return undefined;
  return head.regenerate === undefined ? 'without --regenerate' : `with --regenerate ${head.regenerate}`;
}

/** The head of a batch is written once, and says for good what is of its proof. */
async function sayStandingProof(
  context: Context,
  { batches }: Shop,
  batch: string,
  { proof: asked }: ListArguments,
): Promise<void> {
  const view = await batches.read(batch);
  if (view?.proof === 'open' && view.counts.held > 0) {
    say(
      context,
      `note: ${count(waitingForProof(view), 'request')} of ${batch} wait for your word on its proof: shotlist approve ${batch}`,
    );
  } else if (view?.proof === undefined && asked !== undefined) {
    say(context, `note: ${batch} was queued before without a proof, so --proof holds nothing of it back`);
  }
}

/** What has failed for good in a batch is not asked for again by queueing its list again. */
function nothingToPay(totals: PlanTotals): PlanTotals {
  return { ...totals, requests: 0, minMicroUsd: 0, maxMicroUsd: 0 };
}
