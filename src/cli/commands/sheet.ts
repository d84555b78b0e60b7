import { resolve } from 'node:path';
import type { Shop } from '../../operations/services.ts';
import { writePngSheet } from '../../operations/sheet/write-png.ts';
import { shotsOf, writeSheet } from '../../operations/sheet/write-sheet.ts';
import { count } from '../../shared/base/text.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { type Context, EXIT, type Exit, printJson, say } from '../context.ts';
import { type OperatorArguments, unknownBatch, withShop } from '../open.ts';
import { sheetName } from '../output/proof-sheet.ts';

export interface SheetArguments extends OperatorArguments {
  readonly out?: string;
  readonly png?: string;
}

/** Shots between two lines that say how far it is. */
const SAY_EVERY = 1_000;

/** `sheet BATCH`: one HTML file with the batch's pictures, and what each is, cost, or failed of. */
export async function sheetCommand(context: Context, batch: string, args: SheetArguments): Promise<Exit> {
  const { signal, cwd } = context;
  const out = args.out ?? sheetName(batch);
  return await withShop(context, args, async ({ shop }) => {
    const status = await readStatus(shop, batch);
    const head = await shop.journal.readHead(batch, signal);
    if (status === undefined || head === undefined)
      throw await unknownBatch(context, args, batch, { ...shop, known: await shop.batches.list() });
    const written = await writeSheet(shop, {
      head,
      status,
      file: resolve(cwd, out),
      signal,
      onProgress(shots) {
        if (shots % SAY_EVERY === 0) say(context, `${count(shots, 'shot')} so far`);
      },
    });
    if (args.png !== undefined) await writePng(context, shop, head, status, args.png);
    if (args.json === true) printJson(context, { batch, file: out, ...written });
    else say(context, `${count(written.shots, 'shot')}, ${count(written.images, 'picture')} in ${out}`);
    return EXIT.ok;
  });
}

async function writePng(
  context: Context,
  shop: Shop,
  head: Head,
  status: BatchStatus,
  png: string,
): Promise<void> {
  const { signal, cwd } = context;
  const shots = await shotsOf(shop, head, await shop.batches.read(head.batch), signal);
  const written = await writePngSheet(resolve(cwd, png), head, status, shots);
  say(context, `${count(written.shots, 'shot')} in ${png}, for a mail`);
}
