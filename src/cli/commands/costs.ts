import { pMapIterable } from 'p-map';
import { askedLedgerKeys } from '../../operations/ledger-keys.ts';
import type { Grouping } from '../../shared/base/choices.ts';
import { formatUsd } from '../../shared/base/money.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { LedgerKey } from '../../shared/journal/objects.ts';
import { NO_BATCH_SEGMENT } from '../../shared/ledger/corrections.ts';
import { CostSums, costsJson, groupOf, ORPHANS, totalOf } from '../../shared/ledger/costs.ts';
import type { DayRange } from '../../shared/ledger/days.ts';
import { type Context, EXIT, type Exit, printJson, printText, say } from '../context.ts';
import { type OperatorArguments, simulatedElsewhere, withStore } from '../open.ts';
import { refuseBackwards } from '../options/values.ts';
import { left, right, tableOf } from '../output/tables.ts';

export interface CostsArguments extends OperatorArguments, DayRange {
  readonly by: Grouping;
  readonly batch?: string;
}

/** Ledger entries read at once. */
const READS_AT_ONCE = 32;

/** `costs`: what was paid, from the ledger in the store alone. */
export async function costsCommand(context: Context, args: CostsArguments): Promise<Exit> {
  refuseBackwards(args);
  const { signal } = context;
  return await withStore(context, args, async (opened) => {
    const { journal, stack } = opened;
    const keys = await askedLedgerKeys(
      { ...opened, simulatedElsewhere: simulatedElsewhere(context, args) },
      args,
      context.signal,
    );
    const rows = (await sum(keys, args.by, journal, signal)).rows(args.by);
    if (args.json === true) {
      printJson(context, costsJson(rows));
      return EXIT.ok;
    }
    if (rows.length === 0) {
      const elsewhere = simulatedElsewhere(context, args) ? ' (add --simulate for simulated runs)' : '';
      say(context, `Nothing was paid that this asks about${elsewhere}.`);
      return EXIT.ok;
    }
    const line = (key: string, row: ReturnType<typeof totalOf>) => [
      key,
      formatUsd(row.costMicroUsd),
      row.requests.toLocaleString('en'),
      row.images.toLocaleString('en'),
    ];
    const table = tableOf(
      [left(args.by), right('cost'), right('requests'), right('images')],
      [...rows.map((row) => line(row.key, row)), line('total', totalOf(rows))],
    );
    printText(context, table);
    if (stack.simulated) say(context, 'note: simulated money; nothing was paid');
    return EXIT.ok;
  });
}

/** By batch and day the keys say it all; everything else needs the entries. */
async function sum(
  keys: AsyncIterable<LedgerKey>,
  by: Grouping,
  journal: Journal,
  signal: AbortSignal,
): Promise<CostSums> {
  const sums = new CostSums();
  if (by === 'day') {
    for await (const key of keys) sums.add(key.day, key);
    return sums;
  }
  if (by === 'batch') {
    const names = new Map<string, string>();
    for await (const key of keys) {
      const name = names.get(key.batchSegment) ?? (await nameOf(key, journal, signal));
      names.set(key.batchSegment, name);
      sums.add(name, key);
    }
    return sums;
  }
  const groups = pMapIterable(
    keys,
    async (key) => {
      const entry = await journal.readLedger(key.key, signal);
      return { key, group: groupOf(by, entry, key.day) };
    },
    { concurrency: READS_AT_ONCE },
  );
  for await (const { key, group } of groups) sums.add(group, key);
  return sums;
}

/** A name that had to be encoded stands in full in each of its entries only. */
async function nameOf(
  { key, batchSegment }: LedgerKey,
  journal: Journal,
  signal: AbortSignal,
): Promise<string> {
  if (batchSegment === NO_BATCH_SEGMENT) return ORPHANS;
  if (!batchSegment.includes('~')) return batchSegment;
  return (await journal.readLedger(key, signal)).batch;
}
