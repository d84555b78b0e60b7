import { existsSync } from 'node:fs';
import { openStack, openStore } from '../../app/connections.ts';
import { openLearned } from '../../app/learned-latency.ts';
import { openShop } from '../../app/open-services.ts';
import { assertQueueable, refuseDryRunOptions } from '../../operations/enqueue-list.ts';
import { finishBy } from '../../operations/finish-by.ts';
import { followWhole } from '../../operations/follow-whole.ts';
import { commandWith } from '../../operations/list-command.ts';
import { planList } from '../../operations/plan-list.ts';
import { headOfSame } from '../../producer/enqueue.ts';
import { toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { Journal } from '../../shared/journal/journal.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, say } from '../context.ts';
import { stackOptions } from '../open.ts';
import type { ListArguments } from '../options/list.ts';
import { isAsked, spendingOf } from '../output/confirm-spending.ts';
import { EXIT_OF, endSentence, followOptions } from '../output/end.ts';
import { fitLines, planSentence, reportLines, sampleLines } from '../output/plan.ts';
import { planJson } from '../output/plan-json.ts';
import { sheetAtHold } from '../output/proof-sheet.ts';
import { proofSentence } from '../output/proof-words.ts';
import { statusJson } from '../output/status.ts';
import { queueList, surroundingsOf } from './queue-list.ts';

/** `enqueue LIST`: plans and queues; workers do the rest. */
export async function enqueueCommand(
  context: Context,
  list: string | undefined,
  args: ListArguments,
): Promise<Exit> {
  if (args.dryRun === true) return await dryRun(context, 'enqueue', list, args);
  refuseDryRunOptions(args);
  const config = configOf(context);
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log);
  const { batch, outcome, totals, facts } = await queueList(context, {
    stack,
    shop,
    config,
    command: 'enqueue',
    list,
    args,
  });
  if (args.json === true) printJson(context, planJson(batch, totals, facts));
  else if (outcome !== 'ended') say(context, QUEUED[outcome](batch));
  if (args.watch !== true) return EXIT.ok;
  const { status, end, regenerated } = await followWhole(shop, batch, followOptions(context));
  await sheetAtHold(context, shop, status);
  if (args.json === true) printJson(context, statusJson({ status, regenerated }));
  else say(context, endSentence(status, end, regenerated));
  return EXIT_OF[end];
}

const QUEUED = {
  new: (batch: string) => `queued as ${batch}; follow it with: shotlist status ${batch} --watch`,
  'goes-on': (batch: string) => `${batch} was queued before and goes on; nothing is queued twice`,
} as const;

/**
 * Needs no Redis and no key; looks at the store only to see what is made already and spent, at a Redis only for what was
 * learned of the latency.
 */
export async function dryRun(
  context: Context,
  command: 'run' | 'enqueue',
  list: string | undefined,
  args: ListArguments,
): Promise<Exit> {
  const config = configOf(context);
  assertQueueable(args, config);
  await using stack = await openStack(stackOptions(context, args, config, 'not-needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: [] });
  // Opening a folder makes it, and a dry run leaves nothing behind.
  const none = stack.store.kind === 'folder' && !existsSync(stack.store.folder);
  await using store = none ? undefined : await openStore(stack.store, log);
  const planned = await planList(
    surroundingsOf(context, config),
    {
      command,
      list,
      options: args,
      config,
      store,
      // A dry run asks nobody, and goes on with what is the default now.
      chooseModel: async ({ ended, model }) => {
        const both = [model, ended].map(({ alias }) => `--model ${alias}`).join(' or ');
        say(
          context,
          `note: this catalog has pictures of ${ended.alias}, which ended; to queue it, write ${both}`,
        );
        return model;
      },
    },
    context.signal,
  );
  const { plan, proof, fit } = planned;
  await using _plan = plan;
  const { totals } = plan;
  const batch = args.batch ?? plan.batchId;
  if (store !== undefined) await headOfSame(batch, plan.digest, new Journal({ store }), context.signal);
  await using learned =
    totals.requests === 0
      ? undefined
      : await openLearned({ ...context, note: (text) => say(context, `note: ${text}`) }, stack);
  const facts = { ...planned, finish: await finishBy(planned, config, learned?.latencyOf) };
  if (args.json === true) {
    printJson(context, planJson(batch, totals, facts));
    return EXIT.ok;
  }
  say(context, `${batch}: ${planSentence(totals)}`);
  if (proof !== undefined) say(context, proofSentence(batch, proof));
  for (const group of totals.groups) {
    const options = group.options === undefined ? 'other options' : Object.values(group.options).join(', ');
    say(
      context,
      `  ${options}: ${count(group.shots, 'shot')}, ${count(group.images, 'image')}, ${count(group.requests, 'request')}`,
    );
  }
  for (const line of sampleLines(planned)) say(context, line);
  for (const line of reportLines(facts, totals.shots, { args, config, nowMs: context.clock() }))
    say(context, line);
  if (fit !== undefined) {
    const { flag, best = '', budgetMicroUsd: cap } = fit;
    const next = commandWith(
      { [flag]: best, cap: String(toUsd(cap)) },
      command,
      list,
      args,
      defaultRegistry(),
    );
    for (const line of fitLines(fit, totals.shots, next)) say(context, line);
  }
  if (args.cap === undefined && isAsked(spendingOf(totals, facts), args, config))
    say(context, `note: ${command} asks before it spends this; without a terminal it needs --yes or --cap`);
  say(context, 'Nothing was queued: this was a dry run.');
  return EXIT.ok;
}
