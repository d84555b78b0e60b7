import { resolve } from 'node:path';
import { openStack } from '../../app/connections.ts';
import { openShop } from '../../app/open-services.ts';
import { jsonArray, jsonLines, writeLines } from '../../operations/export/lines-out.ts';
import { presetCsv } from '../../operations/export/preset-csv.ts';
import { loadPreset, type Preset } from '../../operations/export/presets.ts';
import { presignedLines } from '../../operations/export/presign.ts';
import type { Shop } from '../../operations/services.ts';
import type { PresetName } from '../../shared/base/choices.ts';
import { Closers } from '../../shared/base/disposables.ts';
import { UserError } from '../../shared/base/errors.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { batchManifest } from '../../shared/manifest/batch-manifest.ts';
import type { ManifestLine } from '../../shared/manifest/manifest.ts';
import { manifestCsv } from '../../shared/manifest/manifest-csv.ts';
import { type Context, EXIT, type Exit, say } from '../context.ts';
import { type OpenedStore, type OperatorArguments, stackOptions, unknownBatch, withStore } from '../open.ts';
import { printLines } from '../output/lines.ts';

export interface ExportArguments extends OperatorArguments {
  readonly format: 'jsonl' | 'csv';
  readonly out?: string;
  /** In seconds. */
  readonly presign?: number;
  /** Always CSV. */
  readonly preset?: PresetName;
}

/** `export BATCH`: the manifest, one line a shot, in the order of the list. From the store; Redis is asked only about what is open. */
export async function exportCommand(context: Context, batch: string, args: ExportArguments): Promise<Exit> {
  if (args.json === true && args.format === 'csv')
    throw new UserError('usage', 'Give either --json or --format csv, not both.');
  if (args.json === true && args.preset !== undefined)
    throw new UserError('usage', 'Give either --json or --preset, which prints CSV, not both.');
  const preset = args.preset === undefined ? undefined : await loadPreset(args.preset);
  const { signal } = context;
  return await withStore(context, args, async (opened) => {
    const { journal, store } = opened;
    const head = await journal.readHead(batch, signal);
    if (head === undefined) throw await unknownBatch(context, args, batch, opened);
    // Where there are no such addresses it is said before anything is written.
    if (args.presign !== undefined) await store.presign('probe', args.presign);
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
    const plain = tallied(manifest, tally);
    const lines = args.presign === undefined ? plain : presignedLines(plain, store, args.presign);
    const urlOf = (key: string) => store.urlOf(key);
    if (preset !== undefined) sayUnreachable(context, args, preset, urlOf('probe'));
    const text =
      preset !== undefined
        ? presetCsv(lines, {
            preset,
            presetName: args.preset ?? '',
            listName: head.listName,
            urlOf,
            onLeftOut: (shots) => sayLeftOut(context, shots),
          })
        : args.json === true
          ? jsonArray(lines)
          : args.format === 'csv'
            ? manifestCsv(lines, urlOf)
            : jsonLines(lines);
    if (args.out === undefined) await printLines(context, text);
    else await writeLines(resolve(context.cwd, args.out), text, modeOf(args));
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

/** Addresses that expire hand out the picture to everybody who reads them. */
function modeOf({ presign }: ExportArguments): number | undefined {
  return presign === undefined ? undefined : 0o600;
}

function sayUnreachable(
  context: Context,
  { presign }: ExportArguments,
  { name }: Preset,
  example: string,
): void {
  if (presign !== undefined || /^https?:/.test(example)) return;
  say(
    context,
    `note: ${name} cannot open the addresses of these pictures, which are none of the web: keep them in a bucket (S3_BUCKET), and set S3_PUBLIC_URL or add --presign 7d`,
  );
}

function sayLeftOut(context: Context, shots: number): void {
  if (shots === 0) return;
  say(context, `note: ${count(shots, 'shot')} left out, which ${shots === 1 ? 'has' : 'have'} no picture`);
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
