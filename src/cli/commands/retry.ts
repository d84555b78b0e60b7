import { randomBytes } from 'node:crypto';
import type { Stack } from '../../app/connections.ts';
import { refuseCancelled } from '../../operations/cancel.ts';
import { rebuildBatch } from '../../operations/rebuild/rebuild.ts';
import {
  findRetryable,
  type Retryable,
  type RetryDeps,
  retryFailures,
} from '../../operations/retry/retry.ts';
import type { Shop } from '../../operations/services.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { regenerationId, rootOf } from '../../shared/journal/regeneration.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { batchStatus } from '../../shared/status/status.ts';
import { writeGone } from '../../shared/takes/original-notes.ts';
import { type Context, configOf, EXIT, type Exit, printJson, say } from '../context.ts';
import { type OperatorArguments, unknownBatch, withShop } from '../open.ts';
import { confirmSpending } from '../output/confirm-spending.ts';
import { rebuildDepsOf } from './rebuild.ts';

export interface RetryArguments extends OperatorArguments {
  readonly code?: string;
  /** Ids of shots, with commas between them. */
  readonly shot?: string;
  readonly yes?: true;
  /** Has pictures made and paid for again that fal was paid for already. */
  readonly payAgain?: true;
}

/** `retry BATCH`: tries failures again, after saying what that may cost. */
export async function retryCommand(context: Context, batch: string, args: RetryArguments): Promise<Exit> {
  const config = configOf(context);
  return await withShop(context, args, async ({ shop, stack }) => {
    await shop.memory.open(context.signal);
    await assertRetryable(context, args, shop, batch);
    const found = await findRetryable(
      batch,
      { code: args.code, shots: shotsOf(args.shot) },
      {
        journal: shop.journal,
        records: shop.records,
        store: shop.store,
        registry: defaultRegistry(),
      },
      context.signal,
    );
    const again = args.payAgain === true;
    const chosen = again ? found.map(payingAgain) : found;
    const costs = {
      minMicroUsd: sum(chosen.map(({ minMicroUsd }) => minMicroUsd)),
      maxMicroUsd: sum(chosen.map(({ maxMicroUsd }) => maxMicroUsd)),
    };
    const estimate = { minUsd: toUsd(costs.minMicroUsd), maxUsd: toUsd(costs.maxMicroUsd) };
    if (again) for (const line of paidLines(found)) say(context, line);
    if (chosen.length === 0) {
      say(context, nothingSentence(batch, args));
      if (args.json === true) printJson(context, { batch, retried: 0, estimate });
      return EXIT.ok;
    }
    if (costs.maxMicroUsd > 0) await refuseOverRegeneration(shop, batch);
    say(context, planSentence(chosen, costs));
    await confirmSpending(context, costs, { ...yesOf(args), ...simulateOf(args) }, config, 'add --yes');
    if (again) await giveUpPaid(found, shop, context.signal);
    const retried = await retryFailures(batch, chosen, retryDepsOf(context, shop, stack, config.recordTtlH));
    // What else of the batch is paid and not stored is looked for at once, too.
    await shop.due.hurry(batch);
    if (args.json === true) printJson(context, { batch, retried, estimate });
    else say(context, `${batch} is under way again: ${count(retried, 'request')} queued.`);
    if (retried < chosen.length)
      say(
        context,
        `note: ${count(chosen.length - retried, 'request')} changed meanwhile, or another batch is fetching the same picture; run shotlist retry ${batch} again if it stays failed.`,
      );
    await sayWhatHolds(context, shop, batch);
    return EXIT.ok;
  });
}

/** Throws a `UserError` where the batch is not there, is cancelled, or was lost while it was under way. */
async function assertRetryable(
  context: Context,
  args: OperatorArguments,
  { batches, journal, store }: Shop,
  batch: string,
): Promise<void> {
  const view = await batches.read(batch);
  if (view !== undefined) {
    refuseCancelled(view);
    return;
  }
  // Redis forgets a batch some days after its end; the store has its summary.
  const summary = batchStatus.safeParse(await journal.readSummary(batch, context.signal));
  if (!summary.success)
    throw await unknownBatch(context, args, batch, { store, journal, known: await batches.list() });
  refuseCancelled({ batch, word: summary.data.state });
}

/** What was left of the cap went to the pictures that are made anew: more of it would be spent twice. */
async function refuseOverRegeneration({ batches, journal }: Shop, batch: string): Promise<void> {
  const head = await journal.readHead(batch);
  if (head?.regenerate === undefined) return;
  const next = regenerationId(rootOf(head), (head.round ?? 0) + 1);
  const cap = (await batches.read(batch))?.cap ?? head.cap;
  if (cap === undefined || (await journal.readHead(next)) === undefined) return;
  throw new UserError(
    'cap_passed_on',
    `${batch} has handed the rest of its cap on to ${next}, which makes failed pictures again: queue the list under another --batch with a --cap of its own; what is made is not paid for again.`,
  );
}

/** The ids that `--shot` names. */
export function shotsOf(text: string | undefined): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const ids = text
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
  if (ids.length === 0) throw new UserError('usage', '--shot takes the ids of shots: --shot MUG-1,MUG-2.');
  return new Set(ids);
}

/** The same request, with every picture of it that fal was paid for made and paid for again. */
function payingAgain(one: Retryable): Retryable {
  if (one.paid.length === 0) return one;
  const { own: _, ...rest } = one;
  return { ...rest, way: 'retry', minMicroUsd: one.againMicroUsd, maxMicroUsd: one.againMicroUsd };
}

/** Each picture that would be paid for again: what it cost, and since when it cannot be had. */
function paidLines(found: readonly Retryable[]): string[] {
  return found.flatMap(({ paid, againMicroUsd }) =>
    paid.map(({ shot, index, notes }) => {
      const since = notes[0]?.since ?? 0;
      const when = since === 0 ? 'an earlier version' : new Date(since).toISOString();
      const ids = notes.map(({ requestId }) => requestId).join(', ');
      return `${shot}, picture ${index + 1}: paid as ${ids}, not to be had since ${when}; paid again, its request costs up to ${formatUsd(againMicroUsd)}`;
    }),
  );
}

/** From here on nobody looks for these pictures any more. */
async function giveUpPaid(
  found: readonly Retryable[],
  { store }: Pick<Shop, 'store'>,
  signal: AbortSignal,
): Promise<void> {
  for (const { paid } of found) {
    for (const { shotKey, index, notes } of paid) {
      for (const { requestId } of notes)
        await writeGone(
          store,
          { shotKey, index },
          { requestId, at: systemClock(), why: 'paid_again' },
          signal,
        );
    }
  }
}

function nothingSentence(batch: string, { code, shot }: RetryArguments): string {
  const chosen = [
    ...(code === undefined ? [] : [`with the code ${code}`]),
    ...(shot === undefined ? [] : [`of ${shot}`]),
  ];
  const which = chosen.length === 0 ? '' : ` ${chosen.join(' ')}`;
  return `${batch} has no failed request${which}; what failed, and why: shotlist export ${batch}`;
}

function planSentence(
  chosen: readonly Retryable[],
  { minMicroUsd, maxMicroUsd }: { readonly minMicroUsd: number; readonly maxMicroUsd: number },
): string {
  const number = (...ways: readonly Retryable['way'][]) =>
    chosen.filter(({ way }) => ways.includes(way)).length;
  const paying = number('retry');
  const fetched = number('fetch', 'refetch');
  const free = number('rerender');
  const cost =
    minMicroUsd === maxMicroUsd
      ? formatUsd(maxMicroUsd)
      : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
  const parts = [
    ...(fetched === 0 ? [] : [`${fetched.toLocaleString('en')} to fetch, ${formatUsd(0)}`]),
    ...(paying === 0 && fetched > 0 ? [] : [`${count(paying, 'request')} to fal, ${cost}`]),
    ...(free === 0 ? [] : [`${count(free, 'request')} rendered anew at no cost`]),
  ];
  return `${count(chosen.length, 'failed request')}: ${parts.join(', ')}`;
}

/** It may stand still for another reason, which is better said now than found out. */
export async function sayWhatHolds(
  context: Context,
  { batches }: Pick<Shop, 'batches'>,
  batch: string,
): Promise<void> {
  const [stop, view] = await Promise.all([batches.stopped(), batches.read(batch)]);
  if (stop !== undefined) say(context, `note: all submits are stopped: ${stop.reason}`);
  if (view !== undefined && view.word !== 'running')
    say(context, `note: ${batch} is ${view.word}; go on with: shotlist resume ${batch}`);
}

function retryDepsOf(context: Context, shop: Shop, { prefix }: Stack, ttlH: number): RetryDeps {
  const { batches, records, journal, queues } = shop;
  return {
    batches,
    records,
    journal,
    add: queues.add.bind(queues),
    async restore(batch) {
      const deps = rebuildDepsOf(shop, { prefix, ttlH }, (line) => say(context, line));
      await rebuildBatch(batch, deps, context.signal);
    },
    eventId: () => randomBytes(6).toString('hex'),
    clock: systemClock,
  };
}

function yesOf({ yes }: RetryArguments): { yes?: true } {
  return yes === undefined ? {} : { yes };
}

function simulateOf({ simulate }: RetryArguments): { simulate?: true } {
  return simulate === undefined ? {} : { simulate };
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, one) => total + one, 0);
}
