import pMap from 'p-map';
import { jsonArray, jsonLines } from '../../operations/export/lines-out.ts';
import { askedLedgerKeys } from '../../operations/ledger-keys.ts';
import { toUsd } from '../../shared/base/money.ts';
import { dayOf } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { LedgerEntry, LedgerKey } from '../../shared/journal/objects.ts';
import type { DayRange } from '../../shared/ledger/days.ts';
import { byDay } from '../../shared/ledger/ledger.ts';
import { csvLine } from '../../shared/manifest/csv-line.ts';
import { type Context, EXIT, type Exit } from '../context.ts';
import { type OperatorArguments, simulatedElsewhere, withStore } from '../open.ts';
import { refuseBackwards } from '../options/values.ts';
import { printLines } from '../output/lines.ts';

export interface LedgerArguments extends OperatorArguments, DayRange {
  readonly batch?: string;
  readonly format: 'jsonl' | 'csv';
}

const READS_AT_ONCE = 32;

/** `ledger`: every request that cost money, one line each, in order of time. From the store alone. */
export async function ledgerCommand(context: Context, args: LedgerArguments): Promise<Exit> {
  refuseBackwards(args);
  const { signal } = context;
  return await withStore(context, args, async (opened) => {
    const { journal, stack } = opened;
    const keys = await askedLedgerKeys(
      { ...opened, simulatedElsewhere: simulatedElsewhere(context, args) },
      args,
      context.signal,
    );
    const entries = inOrderOfTime(keys, journal, signal);
    const lines = mapped(entries, ledgerLine);
    if (args.json === true) await printLines(context, jsonArray(lines));
    else if (args.format === 'csv') await printLines(context, csv(lines, stack.simulated));
    else await printLines(context, jsonLines(lines));
    return EXIT.ok;
  });
}

/** The public contract of a ledger line. */
export function ledgerLine(entry: LedgerEntry) {
  const { ts, batch, shot, requestId, model, quality, imageSize, numImages, costMicroUsd, source } = entry;
  return {
    ts,
    batch,
    shot,
    requestId,
    model,
    quality,
    imageSize,
    numImages,
    costUsd: toUsd(costMicroUsd),
    source,
    ...(entry.why === undefined ? {} : { why: entry.why }),
    ...(entry.simulated === true ? { simulated: true } : {}),
  };
}

type LedgerLine = ReturnType<typeof ledgerLine>;

async function* csv(lines: AsyncIterable<LedgerLine>, simulated: boolean): AsyncGenerator<string> {
  const columns = [
    'ts',
    'batch',
    'shot',
    'requestId',
    'model',
    'quality',
    'imageSize',
    'numImages',
    'costUsd',
    'source',
  ] as const satisfies readonly (keyof LedgerLine)[];
  yield csvLine([...columns, ...(simulated ? ['simulated'] : [])]);
  for await (const line of lines)
    yield csvLine([...columns.map((name) => line[name]), ...(simulated ? [line.simulated === true] : [])]);
}

/** A day's entries are held in memory and sorted; a cost booked after midnight waits for those of its day. */
async function* inOrderOfTime(
  keys: AsyncIterable<LedgerKey>,
  journal: Journal,
  signal: AbortSignal,
): AsyncGenerator<LedgerEntry> {
  let waiting: LedgerEntry[] = [];
  for await (const { day, ofDay } of byDay(keys)) {
    waiting.push(
      ...(await pMap(ofDay, ({ key }) => journal.readLedger(key, signal), { concurrency: READS_AT_ONCE })),
    );
    waiting.sort((a, b) => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0));
    const due = waiting.findIndex(({ ts }) => dayOf(Date.parse(ts)) > day);
    const later = due === -1 ? [] : waiting.splice(due);
    yield* waiting;
    waiting = later;
  }
  yield* waiting;
}

async function* mapped<T, U>(items: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of items) yield map(item);
}
