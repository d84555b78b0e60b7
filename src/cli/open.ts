import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openStack, openStore, type Stack } from '../app/connections.ts';
import { openShop } from '../app/open-services.ts';
import type { Shop } from '../operations/services.ts';
import type { Config } from '../shared/base/config.ts';
import { messageOf, type UserError } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import { Journal } from '../shared/journal/journal.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';
import { type Context, configOf, openLog, say } from './context.ts';

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

/** For commands that look at, or act on, what is under way; many ask the store nothing. */
export async function withShop<T>(
  context: Context,
  args: OperatorArguments,
  use: (opened: { readonly shop: Shop; readonly stack: Stack }) => Promise<T>,
): Promise<T> {
  const config = configOf(context);
  await using stack = await openStack(stackOptions(context, args, config, 'needed'));
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  await using shop = await openShop(stack, config, log, { store: 'when-asked' });
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

/** Says of a batch or record that cannot be read why, and what to do; the others are shown. */
export function warnOf(context: Context): (batch: string, error: Error) => void {
  return (_batch, error) => say(context, `warning: ${messageOf(error)}`);
}

/** The sentence for a batch that is not there. */
export async function unknownBatch(
  context: Context,
  args: OperatorArguments,
  batch: string,
  { store, journal, known }: Pick<OpenedStore, 'store' | 'journal'> & { known?: readonly string[] },
): Promise<UserError> {
  const lookup = await import('../operations/batch-lookup.ts');
  return await lookup.unknownBatch(
    batch,
    {
      store,
      journal,
      ...(known === undefined ? {} : { known }),
      simulatedElsewhere: simulatedElsewhere(context, args),
    },
    context.signal,
  );
}

/** Whether a simulated run left something in this folder, which a command without `--simulate` does not see. */
export function simulatedElsewhere({ cwd }: Context, { simulate }: OperatorArguments): boolean {
  return simulate !== true && existsSync(join(cwd, '.shotlist', 'sim'));
}
