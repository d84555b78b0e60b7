import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openStack, openStore, type Stack } from '../app/connections.ts';
import { openShop, type Shop } from '../operations/services.ts';
import type { Config } from '../shared/base/config.ts';
import { UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { nearest } from '../shared/base/nearest.ts';
import { Journal } from '../shared/journal/journal.ts';
import { foldersIn } from '../shared/store/folders.ts';
import { JOURNAL } from '../shared/store/keys.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { type Context, configOf, openLog } from './context.ts';

/** What every operator's command takes. */
export interface OperatorArguments {
  readonly simulate?: true;
  readonly json?: true;
}

export interface OpenedStore {
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly stack: Stack;
  readonly config: Config;
  readonly log: Logger;
}

/** For commands that read the durable memory alone: Redis may be away. */
export async function withStore<T>(
  context: Context,
  args: OperatorArguments,
  use: (opened: OpenedStore) => Promise<T>,
): Promise<T> {
  const config = configOf(context);
  await using stack = await openStack(stackOptions(context, args, config, 'not-needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using store = await openStore(stack.store, log);
  await store.check(context.signal);
  return await use({ store, journal: new Journal({ store }), stack, config, log });
}

/** For commands that look at, or act on, what is under way. */
export async function withShop<T>(
  context: Context,
  args: OperatorArguments,
  use: (opened: { readonly shop: Shop; readonly stack: Stack }) => Promise<T>,
): Promise<T> {
  const config = configOf(context);
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log);
  return await use({ shop, stack });
}

/** Where a person's command finds things: told by the settings, or brought along. */
export function stackOptions(
  { cwd, signal }: Context,
  { simulate }: Pick<OperatorArguments, 'simulate'>,
  config: Config,
  redis: 'needed' | 'not-needed',
): Parameters<typeof openStack>[0] {
  return { config, simulate: simulate === true, redis, embedded: 'allowed', cwd, signal };
}

/** So many batches of the store are looked at for one that is called nearly so. */
const LOOKED_AT = 200;

/** The sentence for a batch that is not there: what it may have been called, or where else it may be. */
export async function unknownBatch(
  context: Context,
  args: OperatorArguments,
  batch: string,
  { store, journal, known = [] }: Pick<OpenedStore, 'store' | 'journal'> & { known?: readonly string[] },
): Promise<UserError> {
  if ((await journal.readHead(batch, context.signal)) !== undefined) {
    return new UserError(
      'redis_lost',
      `Batch ${batch} is in the store, but Redis does not know it; run shotlist rebuild ${batch}.`,
    );
  }
  const names = [...known, ...(known.length < LOOKED_AT ? await storedBatches(store, context.signal) : [])];
  const near = nearest(batch, names);
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : simulatedElsewhere(context, args)
        ? 'add --simulate if it was made in a simulated run.'
        : 'shotlist status lists them.';
  return new UserError('unknown_batch', `There is no batch ${batch}: ${hint}`);
}

/** Whether a simulated run left something in this folder, which a command without `--simulate` does not see. */
export function simulatedElsewhere({ cwd }: Context, { simulate }: OperatorArguments): boolean {
  return simulate !== true && existsSync(join(cwd, '.shotlist', 'sim'));
}

/** Batches by the names of their folders. */
async function storedBatches(store: ObjectStore, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for await (const segment of foldersIn(store, `${JOURNAL}batches/`, signal)) {
    // An encoded name ends in a hash of what it stands for; what stands before it is near enough to recognise.
    names.push(segment.replace(/~[0-9a-z]{12}$/, ''));
    if (names.length >= LOOKED_AT) break;
  }
  return names;
}
