import { randomBytes } from 'node:crypto';
import { refuseCancelled } from '../producer/cancel.ts';
import { findRetryable, type Retryable, type RetryDeps, retryFailures } from '../producer/retry.ts';
import { UserError } from '../shared/errors.ts';
import { defaultRegistry } from '../shared/models/registry.ts';
import { formatUsd, toUsd } from '../shared/money.ts';
import { madeOfRow } from '../shared/originals.ts';
import { rebuildBatch } from '../shared/rebuild/rebuild.ts';
import { regenerationId, rootOf } from '../shared/regeneration.ts';
import { batchStatus } from '../shared/status.ts';
import { systemClock } from '../shared/time.ts';
import { type Context, configOf, EXIT, type Exit, printJson, say } from './context.ts';
import { type OperatorArguments, unknownBatch, withShop } from './operator.ts';
import { confirmSpending, count } from './plan-list.ts';
import { rebuildDepsOf } from './rebuild-command.ts';
import type { Shop } from './shop.ts';
import type { Stack } from './stack.ts';

export interface RetryArguments extends OperatorArguments {
  readonly code?: string;
  /** Ids of shots, with commas between them. */
  readonly shot?: string;
  readonly yes?: true;
}

/** Of this the pictures may exist and be paid for, where nobody can see them any more. */
const PAYS_AGAIN = 'result_expired';

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
        made: (row, signal) => madeOfRow(shop.store, row, signal),
        registry: defaultRegistry(),
      },
      context.signal,
    );
    const chosen = withoutExpired(context, batch, found, args);
    const costs = {
      minMicroUsd: sum(chosen.map(({ minMicroUsd }) => minMicroUsd)),
      maxMicroUsd: sum(chosen.map(({ maxMicroUsd }) => maxMicroUsd)),
    };
    const estimate = { minUsd: toUsd(costs.minMicroUsd), maxUsd: toUsd(costs.maxMicroUsd) };
    if (chosen.length === 0) {
      say(context, nothingSentence(batch, args));
      if (args.json === true) printJson(context, { batch, retried: 0, estimate });
      return EXIT.ok;
    }
    if (costs.maxMicroUsd > 0) await refuseOverRegeneration(shop, batch);
    say(context, planSentence(chosen, costs));
    await confirmSpending(context, costs, { ...yesOf(args), ...simulateOf(args) }, config, 'add --yes');
    const retried = await retryFailures(batch, chosen, retryDepsOf(context, shop, stack, config.recordTtlH));
    if (args.json === true) printJson(context, { batch, retried, estimate });
    else say(context, `${batch} is under way again: ${count(retried, 'request')} queued.`);
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

function withoutExpired(
  context: Context,
  batch: string,
  found: readonly Retryable[],
  { yes }: RetryArguments,
): readonly Retryable[] {
  const expired = found.filter(({ failure, way }) => failure.code === PAYS_AGAIN && way === 'retry').length;
  if (expired === 0) return found;
  const what = `${count(expired, 'request')} of ${batch} failed with ${PAYS_AGAIN}: fal may have made and charged those pictures, and would be paid again`;
  if (yes === true) {
    say(context, `note: ${what}.`);
    return found;
  }
  if (expired === found.length) throw new UserError('needs_yes', `${what}; add --yes if it should be.`);
  say(context, `note: ${what}; left out, add --yes to try them too.`);
  return found.filter(({ failure, way }) => failure.code !== PAYS_AGAIN || way !== 'retry');
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
  const paying = chosen.filter(({ way }) => way === 'retry').length;
  const free = chosen.length - paying;
  const cost =
    minMicroUsd === maxMicroUsd
      ? formatUsd(maxMicroUsd)
      : `${formatUsd(minMicroUsd)} to ${formatUsd(maxMicroUsd)}`;
  const rendered = free === 0 ? '' : `, ${count(free, 'request')} rendered anew at no cost`;
  return `${count(chosen.length, 'failed request')}: ${count(paying, 'request')} to fal, ${cost}${rendered}`;
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
