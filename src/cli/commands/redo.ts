import { randomBytes } from 'node:crypto';
import { openStack, type Stack } from '../../app/connections.ts';
import { openShop } from '../../app/open-services.ts';
import { worksHere } from '../../app/works-here.ts';
import { type DeliveredAsk, prepareRedo, type Redo, startRedo } from '../../operations/retake/redo.ts';
import { headToRedo } from '../../operations/retake/redo-head.ts';
import { deliveredShots, findShots, type ShotChoice } from '../../operations/retake/shots.ts';
import type { Shop } from '../../operations/services.ts';
import { hashOfImage } from '../../producer/shots/image-hash.ts';
import type { Config } from '../../shared/base/config.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, fromUsd, type MicroUsd, toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { Takes } from '../../shared/takes/takes.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, say } from '../context.ts';
import { type OperatorArguments, simulatedElsewhere, stackOptions } from '../open.ts';
import { confirmSpending } from '../output/confirm-spending.ts';
import { EXIT_OF, endSentence } from '../output/end.ts';
import { endingSentence } from '../output/ending.ts';
import { pickCommand } from './pick.ts';
import { sayWhatHolds, shotsOf } from './retry.ts';
import { lookAt, workUntilItEnds } from './run.ts';

export interface RedoArguments extends OperatorArguments {
  /** Ids of shots, with commas between them. */
  readonly shot?: string;
  readonly index?: number;
  readonly prompt?: string;
  readonly cap?: MicroUsd;
  readonly yes?: true;
  readonly pick?: number;
}

/** `redo BATCH`: a new take of delivered pictures, or an earlier one picked again. */
export async function redoCommand(context: Context, batch: string, args: RedoArguments): Promise<Exit> {
  const ids = shotsOf(args.shot);
  if (ids === undefined) throw new UserError('usage', 'Name the shots: --shot MUG-1,MUG-2.');
  const choice = { ids, index: args.index };
  if (args.pick === undefined) return await newTake(context, batch, choice, args);
  const others = (['prompt', 'cap', 'yes'] as const).filter((name) => args[name] !== undefined);
  if (others.length > 0) {
    throw new UserError(
      'usage',
      `--pick takes a picture that exists, and pays nothing: leave --${others[0]} out.`,
    );
  }
  return await pickCommand(context, batch, { ...choice, take: args.pick }, args);
}

interface Opened {
  readonly stack: Stack;
  readonly shop: Shop;
  readonly config: Config;
  readonly log: ReturnType<typeof openLog>;
}

async function newTake(
  context: Context,
  batch: string,
  choice: ShotChoice,
  args: RedoArguments,
): Promise<Exit> {
  const config = configOf(context);
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log);
  const { signal } = context;
  const { store, journal } = shop;
  const head = await headToRedo(
    { ...shop, simulatedElsewhere: simulatedElsewhere(context, args) },
    batch,
    choice.ids,
    context.signal,
  );
  const found = await findShots(head, choice, { journal }, signal);
  const takes = await Takes.load({ store, journal, signal });
  const shots = await deliveredShots(head, found, { journal, takes }, signal);
  const ask: DeliveredAsk = { batch, shots, prompt: args.prompt };
  await shop.memory.open(signal);
  const redo = await prepareRedo(ask, {
    ...shop,
    takes,
    statusOf: (of) => readStatus(shop, of),
    registry: defaultRegistry(),
    hashOf: hashOfImage,
    clock: systemClock,
    signal,
  });
  for (const note of stack.notes) say(context, `note: ${note}`);
  for (const warning of redo.plan.warnings) say(context, `warning: ${warning}`);
  say(context, planSentence(redo));
  const works = worksHere(stack, config, args);
  if (works) for (const warning of await lookAt(context, shop, stack)) say(context, `warning: ${warning}`);
  if (redo.standing === 'unknown') await confirmSpending(context, redo.plan.totals, args, config);
  const { outcome } = await startRedo(
    ask,
    redo,
    { head, cap: args.cap, simulated: stack.simulated, signal },
    { ...shop, takes, add: shop.queues.add.bind(shop.queues), eventId, clock: systemClock },
  );
  const exit = works
    ? await workOn(context, { stack, shop, config, log }, batch, redo)
    : await leaveToWorkers(context, shop, redo, outcome === 'new' ? 'queued' : 'under way already');
  if (args.json === true) printJson(context, redoJson(batch, redo));
  return exit;
}

async function workOn(context: Context, opened: Opened, batch: string, { take, plan }: Redo): Promise<Exit> {
  const { status, end, left } = await workUntilItEnds(context, opened, plan.batchId);
  const untold = endingSentence(plan.batchId, left);
  if (untold !== undefined) say(context, untold);
  say(context, endSentence(status, end));
  if (end === 'all-delivered') {
    const paid = formatUsd(fromUsd(status.money.spentUsd));
    say(context, `take ${take} counts, ${paid} paid; see it with: shotlist export ${batch}`);
  }
  return EXIT_OF[end];
}

async function leaveToWorkers(
  context: Context,
  shop: Shop,
  { take, plan }: Redo,
  how: string,
): Promise<Exit> {
  say(
    context,
    `${how} as ${plan.batchId}; take ${take} counts once it is delivered: shotlist status ${plan.batchId} --watch`,
  );
  await sayWhatHolds(context, shop, plan.batchId);
  return EXIT.ok;
}

function planSentence({ take, plan, standing }: Redo): string {
  const { images, shots, requests, minMicroUsd, maxMicroUsd } = plan.totals;
  const cost =
    minMicroUsd === maxMicroUsd
      ? formatUsd(maxMicroUsd)
      : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
  const [only] = plan.rows;
  const of = shots === 1 && only !== undefined ? only.shot : count(shots, 'shot');
  const what = `take ${take}, ${count(images, 'picture')} of ${of}: ${count(requests, 'request')} to fal, ${cost}`;
  return standing === 'unknown' ? what : `${what}; it was begun before and goes on`;
}

/** What `redo --json` prints; see docs/json.md. */
function redoJson(redoOf: string, { take, plan }: Redo) {
  const { shots, images, requests, minMicroUsd, maxMicroUsd } = plan.totals;
  return {
    batch: plan.batchId,
    redoOf,
    take,
    shots,
    images,
    requests,
    estimate: { minUsd: toUsd(minMicroUsd), maxUsd: toUsd(maxMicroUsd) },
  };
}

const eventId = () => randomBytes(6).toString('hex');
