import { resolve } from 'node:path';
import { Closers } from '../shared/closers.ts';
import { UserError } from '../shared/errors.ts';
import { batchManifest } from '../shared/manifest/batch-manifest.ts';
import type { ManifestLine } from '../shared/manifest/manifest.ts';
import { manifestCsv } from '../shared/manifest/manifest-csv.ts';
import { systemClock } from '../shared/time.ts';
import { type Context, EXIT, type Exit, say } from './context.ts';
import { jsonArray, jsonLines, printLines, writeLines } from './lines-out.ts';
import {
  type OpenedStore,
  type OperatorArguments,
  stackOptions,
  unknownBatch,
  withStore,
} from './operator.ts';
import { count } from './plan-list.ts';
import { openShop, type Shop } from './shop.ts';
import { openStack } from './stack.ts';

export interface ExportArguments extends OperatorArguments {
  readonly format: 'jsonl' | 'csv';
  readonly out?: string;
}

/** `export BATCH`: the manifest, one line a shot, in the order of the list. From the store; Redis is asked only about what is open. */
export async function exportCommand(context: Context, batch: string, args: ExportArguments): Promise<Exit> {
  if (args.json === true && args.format === 'csv')
    throw new UserError('usage', 'Give either --json or --format csv, not both.');
  const { signal } = context;
  return await withStore(context, args, async (opened) => {
    const { journal, store } = opened;
    const head = await journal.readHead(batch, signal);
    if (head === undefined) throw await unknownBatch(context, args, batch, opened);
    await using liveShop = new LiveShop((closers) => openLive(context, args, opened, closers));
    const manifest = await batchManifest(head, {
      store,
      journal,
      live: async () => {
        const shop = await liveShop.get();
        return shop === undefined
          ? undefined
          : { view: await shop.batches.read(batch), records: shop.records };
      },
      clock: systemClock,
      signal,
    });
    const tally = { shots: 0, open: 0 };
    const lines = tallied(manifest, tally);
    const text =
      args.json === true
        ? jsonArray(lines)
        : args.format === 'csv'
          ? manifestCsv(lines, (key) => store.urlOf(key))
          : jsonLines(lines);
    if (args.out === undefined) await printLines(context, text);
    else await writeLines(resolve(context.cwd, args.out), text);
    if (args.out !== undefined) say(context, `${count(tally.shots, 'shot')} written to ${args.out}`);
    if (tally.open > 0) {
      say(
        context,
        `note: ${count(tally.open, 'shot')} of ${batch} ${tally.open === 1 ? 'is' : 'are'} pending or held still; export again when shotlist status ${batch} says done`,
      );
    }
    return EXIT.ok;
  });
}

/**
 * Redis, opened when it is first asked for; undefined, with a note, where it cannot be reached: the store alone is
 * enough for an export. Whoever stops reading early may dispose of it while it opens.
 */
class LiveShop implements AsyncDisposable {
  readonly #open: (closers: Closers) => Promise<Shop | undefined>;
  readonly #closers = new Closers();
  #opening: Promise<Shop | undefined> | undefined;

  constructor(open: (closers: Closers) => Promise<Shop | undefined>) {
    this.#open = open;
  }

  get(): Promise<Shop | undefined> {
    this.#opening ??= this.#open(this.#closers);
    return this.#opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opening = this.#opening ?? Promise.resolve(undefined);
    this.#opening = Promise.resolve(undefined);
    // A failure has been told to whoever asked.
    await opening.catch(() => undefined);
    await this.#closers[Symbol.asyncDispose]();
  }
}

async function openLive(
  context: Context,
  args: OperatorArguments,
  { config, log }: OpenedStore,
  closers: Closers,
): Promise<Shop | undefined> {
  try {
    const stack = closers.use(await openStack(stackOptions(context, args, config, 'needed')));
    return closers.use(await openShop(stack, config, log));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say(context, 'note: Redis cannot be reached, so what is neither delivered nor failed is called pending');
    return undefined;
  }
}

async function* tallied(
  lines: AsyncIterable<ManifestLine>,
  tally: { shots: number; open: number },
): AsyncGenerator<ManifestLine> {
  for await (const line of lines) {
    tally.shots += 1;
    if (line.status === 'pending' || line.status === 'held') tally.open += 1;
    yield line;
  }
}
