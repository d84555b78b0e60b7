import { type Enqueued, enqueue, standingOf } from '../producer/enqueue.ts';
import type { PlanTotals } from '../producer/plan-totals.ts';
import { enterCatalog } from '../shared/catalog.ts';
import type { Config } from '../shared/config.ts';
import { waitingForProof } from '../shared/forecast.ts';
import { storeRecipe } from '../shared/stored-recipes.ts';
import { systemClock } from '../shared/time.ts';
import { type Context, say } from './context.ts';
import type { ListArguments } from './list-arguments.ts';
import { assertSigned, otherOnDone } from './on-done.ts';
import {
  confirmSpending,
  count,
  type PlannedList,
  planFromArguments,
  planSentence,
  syncSentence,
} from './plan-list.ts';
import { proofSentence, rowsOfProof } from './proof-words.ts';
import type { Shop } from './shop.ts';
import type { Stack } from './stack.ts';

export interface QueueListOptions {
  readonly stack: Stack;
  readonly shop: Shop;
  readonly config: Config;
  readonly list: string | undefined;
  readonly args: ListArguments;
}

/** What `run` and `enqueue` have in common: plan the list, say what it comes to, ask, queue it. */
export async function queueList(
  context: Context,
  { stack, shop, config, list, args }: QueueListOptions,
): Promise<Enqueued & Pick<PlannedList, 'sync'> & { readonly totals: PlanTotals }> {
  assertSigned(args, config);
  const { plan, name, proof, sync, ownRecipe } = await planFromArguments(context, {
    list,
    args,
    config,
    store: shop.store,
  });
  await using _plan = plan;
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
    return { batch, outcome: 'ended', totals: nothingToPay(plan.totals), sync };
  }
  say(context, planSentence(plan.totals));
  if (sync !== undefined) say(context, syncSentence(sync, args));
  if (proof !== undefined && standing === 'unknown') say(context, proofSentence(batch, proof));
  await confirmSpending(context, plan.totals, args, config);
  if (ownRecipe !== undefined) await storeRecipe(shop.store, ownRecipe, context.signal);
  const enqueued = await enqueue(
    plan,
    {
      batch,
      listName: name,
      priority: args.priority,
      cap: args.cap,
      onDone: args.onDone,
      simulated: stack.simulated,
      proof: rowsOfProof(proof),
      signal: context.signal,
    },
    { ...shop, add: shop.queues.add.bind(shop.queues), clock: systemClock },
  );
  await entered(enqueued.batch);
  if (standing !== 'unknown') await sayStandingProof(context, shop, batch, args);
  return { ...enqueued, totals: plan.totals, sync };
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
