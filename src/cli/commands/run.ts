import { join } from 'node:path';
import Table from 'cli-table3';
import { openStack, type Stack } from '../../app/connections.ts';
import { openShop } from '../../app/open-services.ts';
import { startWork } from '../../app/worker.ts';
import { assertUsable } from '../../operations/doctor/preflight.ts';
import { refuseDryRunOptions } from '../../operations/enqueue-list.ts';
import { leftOfEnding } from '../../operations/follow-ending.ts';
import { failingShots, isRegenerating, withoutRoom } from '../../operations/follow-regenerations.ts';
import { followEndingUntilStopped, followWhole, type Whole, wholeOf } from '../../operations/follow-whole.ts';
import { beginRegenerations } from '../../operations/retake/regenerating.ts';
import type { Shop } from '../../operations/services.ts';
import { followBatch } from '../../operations/watch.ts';
import { RUN_ROLES } from '../../shared/base/choices.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, fromUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { shippedRecipesFolder } from '../../shared/pictures/recipes.ts';
import type { EndingStanding } from '../../shared/queues/completion-queue.ts';
import { tryRights } from '../../shared/redis/rights.ts';
import { marginWarnings } from '../../shared/requests/absence.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { encodeSegment } from '../../shared/store/keys.ts';
import { type Regenerated, spentAgain } from '../../shared/takes/regenerated.ts';
import { type Context, configOf, type Exit, openLog, printJson, say } from '../context.ts';
import { stackOptions } from '../open.ts';
import type { ListArguments } from '../options/list.ts';
import { EXIT_OF, endSentence, followOptions, noRoomSentence } from '../output/end.ts';
import { endingSentence } from '../output/ending.ts';
import { sheetAtHold } from '../output/proof-sheet.ts';
import { statusJson } from '../output/status.ts';
import { dryRun } from './enqueue.ts';
import { queueList } from './queue-list.ts';

/** `run LIST`: enqueue, work and watch in one process until the batch ends. */
export async function runCommand(
  context: Context,
  list: string | undefined,
  args: ListArguments,
): Promise<Exit> {
  if (args.dryRun === true) return await dryRun(context, 'run', list, args);
  refuseDryRunOptions(args);
  const config = configOf(context);
  if (config.fal.key === undefined && args.simulate !== true) {
    throw new UserError(
      'no_key',
      'Set FAL_KEY to make the pictures for real, or add --simulate to try it without paying.',
    );
  }
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log, { onDemoted: 'resend' });
  const warnings = [
    ...(await lookAt(context, shop, stack)),
    ...marginWarnings(config.fal.unknownMarginS, defaultRegistry().models),
  ];
  for (const warning of warnings) say(context, `warning: ${warning}`);
  const { batch, outcome } = await queueList(context, { stack, shop, config, command: 'run', list, args });
  // A loss of Redis may have taken the word that something fails its checks; to begin it twice is harmless.
  if (outcome === 'ended') await beginRegenerations(shop, batch, log, context.signal);
  // Of an earlier run that was ended in between, something may be left.
  const over =
    outcome === 'ended' &&
    (await leftOfEnding(shop, batch)) === undefined &&
    !(await isRegenerating(shop, batch, context.signal));
  const ended = over
    ? {
        ...(await wholeOf(shop, await followBatch(shop, batch, followOptions(context)), context.signal)),
        left: undefined,
      }
    : await workUntilItEnds(context, { shop, stack, config, log }, batch);
  const { status, end, left, regenerated } = ended;
  const exit = EXIT_OF[end];
  const untold = endingSentence(batch, left);
  if (untold !== undefined) say(context, untold);
  await sheetAtHold(context, shop, status);
  if (args.json === true) {
    printJson(context, statusJson(ended));
    return exit;
  }
  const head = await shop.journal.readHead(batch);
  say(context, '');
  if (head !== undefined) say(context, summaryTable(status, head, stack, regenerated));
  if (regenerated === undefined) await sayFailures(context, shop, batch, status);
  else await sayFailing(context, shop, batch);
  const noRoom =
    end === 'some-failed' ? noRoomSentence(await withoutRoom(shop, batch, context.signal)) : undefined;
  if (noRoom !== undefined) say(context, noRoom);
  say(context, endSentence(status, end, regenerated));
  return exit;
}

/** The checks of a worker's start, before anything can cost money. */
export async function lookAt(
  { signal, clock }: Context,
  { redis, store }: Shop,
  { prefix }: Pick<Stack, 'prefix'>,
): Promise<readonly string[]> {
  return await assertUsable({
    redis: async () => redis,
    // Nobody waits for this connection yet.
    redisRights: async () => await tryRights({ redis, prefix }),
    store: async () => store,
    hasKey: true,
    recipesFolder: shippedRecipesFolder(),
    // The plan warns of the models that the list names.
    models: [],
    registry: defaultRegistry(),
    clock,
    signal,
  });
}

export async function workUntilItEnds(
  context: Context,
  { shop, stack, config, log }: Pick<Parameters<typeof startWork>[0], 'shop' | 'stack' | 'config' | 'log'>,
  batch: string,
): Promise<Whole & { readonly left: EndingStanding | undefined }> {
  await using _work = await startWork({
    shop,
    stack,
    config,
    roles: new Set(RUN_ROLES),
    environment: context.environment,
    log,
  });
  const options = followOptions(context, stack.lost);
  const whole = await followWhole(shop, batch, options);
  return { ...whole, left: await followEndingUntilStopped(shop, batch, options) };
}

function summaryTable(
  { batch, counts, money }: BatchStatus,
  head: Head,
  stack: Stack,
  again: Regenerated | undefined,
): string {
  const { delivered = 0, batches = [] } = again ?? {};
  const table = new Table({ style: { head: [], border: [] } });
  const paid = fromUsd(money.spentUsd);
  const inAll = paid + spentAgain({ batches });
  // What is made again lies in the folder of the batch that made it.
  const { store } = stack;
  const where =
    store.kind === 'folder'
      ? [batch, ...batches.map((one) => one.batch)].map((one) => join(store.folder, encodeSegment(one)))
      : [`s3://${store.config.bucket}`];
  table.push(
    ['delivered', count(counts.delivered + delivered, 'request')],
    ['failed', count(counts.failed - delivered, 'request')],
    ...(counts.held === 0 ? [] : [['held', count(counts.held, 'request')]]),
    ['images wanted', `${head.images}`],
    ['paid', `${formatUsd(paid)}${stack.simulated ? ' (simulated)' : ''}`],
    ...batches.map((one) => [
      `made again: ${one.batch}`,
      `${count(one.counts.delivered, 'request')} delivered, ${formatUsd(fromUsd(one.money.spentUsd))} more`,
    ]),
    ...(batches.length === 0 ? [] : [['paid in all', formatUsd(inAll)]]),
    ['one request an image', formatUsd(head.naiveMicroUsd)],
    ['pictures', where.join('\n')],
  );
  return table.toString();
}

const SHOWN_FAILURES = 10;

async function sayFailures(
  context: Context,
  shop: Shop,
  batch: string,
  { counts }: BatchStatus,
): Promise<void> {
  if (counts.failed === 0) return;
  // A failure that was tried again may be delivered by now.
  const delivered = await shop.journal.deliveredNames(batch);
  const failures = [...(await shop.journal.failures(batch)).values()].filter(
    ({ row, part }) => !delivered.has(`${row}.${part}`),
  );
  for (const { row, part, batch: of, code, message } of failures.slice(0, SHOWN_FAILURES)) {
    const planned = await shop.journal.planned({ batch: of, row, part });
    say(context, `failed: ${planned.row.shot}: ${code}: ${message}`);
  }
  if (failures.length > SHOWN_FAILURES) {
    say(context, `… and ${failures.length - SHOWN_FAILURES} more: shotlist export ${batch}`);
  }
}

/** What is not delivered after all. */
async function sayFailing(context: Context, shop: Shop, batch: string): Promise<void> {
  const failing = await failingShots(shop, batch, context.signal);
  if (failing.size === 0) {
    say(context, 'What did not pass the checks was made again and is delivered.');
    return;
  }
  for (const [shot, error] of [...failing].slice(0, SHOWN_FAILURES))
    say(context, `failed: ${shot}: ${error}`);
  if (failing.size > SHOWN_FAILURES)
    say(context, `… and ${failing.size - SHOWN_FAILURES} more: shotlist export ${batch}`);
}
