import type { Stack } from '../../app/connections.ts';
import { type EnqueueListRequest, enqueueList, type ListQuote } from '../../operations/enqueue-list.ts';
import type { ListCommand } from '../../operations/list-command.ts';
import type { Surroundings } from '../../operations/plan-list.ts';
import type { Shop } from '../../operations/services.ts';
import type { Config } from '../../shared/base/config.ts';
import { type Context, noticesOf, openLog, say } from '../context.ts';
import type { ListArguments } from '../options/list.ts';
import { confirmSpending, spendingOf } from '../output/confirm-spending.ts';
import { chooseModel } from '../output/default-model.ts';
import { planSentence, reportLines, type SaidOptions } from '../output/plan.ts';
import { proofSentence } from '../output/proof-words.ts';

/** What an operation needs of the terminal: what it warns of is said there. */
export function surroundingsOf(context: Context, config: Config): Surroundings {
  return {
    ...context,
    log: openLog(context, config, { detail: 'quiet', secrets: [] }),
    notices: noticesOf(context),
  };
}

/** What a list comes to, before the money is spent. */
export function sayQuote(
  context: Context,
  { batch, isKnown, totals, facts, proof }: ListQuote,
  args: SaidOptions,
  config: Pick<Config, 'fal'>,
): void {
  say(context, planSentence(totals));
  for (const line of reportLines(facts, totals.shots, { args, config, nowMs: context.clock() }))
    say(context, line);
  if (proof !== undefined && !isKnown) say(context, proofSentence(batch, proof));
}

export interface QueueListOptions {
  readonly stack: Stack;
  readonly shop: Shop;
  readonly config: Config;
  readonly command: ListCommand;
  readonly list: string | undefined;
  readonly args: ListArguments;
}

/** What `run` and `enqueue` have in common: plan the list, say what it comes to, ask, queue it. */
export async function queueList(
  context: Context,
  { stack, shop, config, command, list, args }: QueueListOptions,
): Promise<Awaited<ReturnType<typeof enqueueList>>> {
  const { prefix, simulated } = stack;
  const request: EnqueueListRequest = {
    command,
    list,
    options: args,
    config,
    shop,
    prefix,
    simulated,
    chooseModel: (choice) => chooseModel(context, args, choice),
    onPlanned: async () => {
      for (const note of stack.notes) say(context, `note: ${note}`);
    },
    confirm: async (quote) => {
      sayQuote(context, quote, args, config);
      await confirmSpending(context, spendingOf(quote.totals, quote.facts), args, config);
    },
  };
  const queued = await enqueueList(surroundingsOf(context, config), request, context.signal);
  if (queued.outcome === 'ended')
    say(context, `${queued.batch} has ended before: nothing is left to do, $0.00.`);
  return queued;
}
