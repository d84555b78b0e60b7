import { resolve } from 'node:path';
import type { Shop } from '../../operations/services.ts';
import { writeSheet } from '../../operations/sheet/write-sheet.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { type Context, say } from '../context.ts';

/** What a contact sheet is called where nobody named it; in the working folder. */
export function sheetName(batch: string): string {
  return `${batch}-contact-sheet.html`;
}

/** Where a proof waits for a person's word, what that word is about: the contact sheet. Else nothing. */
export async function sheetAtHold(context: Context, shop: Shop, status: BatchStatus): Promise<void> {
  const { batch } = status;
  const view = await shop.batches.read(batch);
  if (
    status.state !== 'held' ||
    view?.proof !== 'open' ||
    view.heldBy !== undefined ||
    view.hold !== undefined
  )
    return;
  const head = await shop.journal.readHead(batch, context.signal);
  if (head === undefined) return;
  const name = sheetName(batch);
  try {
    const { signal, cwd } = context;
    await writeSheet(shop, { head, status, file: resolve(cwd, name), signal });
    say(context, `The contact sheet of the proof: ${name}`);
  } catch (error) {
    // The proof is made and paid for, whether there is room for a file or not.
    if (!(error instanceof UserError)) throw error;
    say(context, `note: no contact sheet: ${error.message}`);
  }
}
