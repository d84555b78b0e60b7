import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { dryRun } from '../../../../src/cli/commands/enqueue.ts';
import type { ListArguments } from '../../../../src/cli/options/list.ts';
import { runInContext } from '../../../support/cli-context.ts';
import { aHead, filledStore } from '../../../support/filled-store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

async function openFolder() {
  const folder = await tempFolder();
  return {
    path: folder.path,
    dryRun: (more: Partial<ListArguments>, environment: Record<string, string> = {}) =>
      runInContext({ cwd: folder.path, environment }, (context) =>
        dryRun(context, 'enqueue', undefined, { prompt: 'a red mug', priority: 1_000, ...more }),
      ),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe('a dry run refuses what enqueue would refuse', () => {
  it.each(['a/b', '-x', 'originals', 'a:b', 'x'.repeat(64)])('the batch id %s', async (batch) => {
    await using at = await openFolder();
    await expect(at.dryRun({ batch })).rejects.toMatchObject({ code: 'bad_batch' });
  });

  it('a webhook that nobody could sign, or that goes inside', async () => {
    await using at = await openFolder();
    const hooked = at.dryRun({ onDone: 'https://shop.example.com/hook' });
    await expect(hooked).rejects.toMatchObject({ code: 'no_webhook_secret' });
    await expect(at.dryRun({ onDone: 'https://10.0.0.1/hook' })).rejects.toMatchObject({
      code: 'bad_webhook',
    });
  });

  it('the id of a batch of another list that the store has', async () => {
    await using at = await openFolder();
    {
      await using filled = await filledStore(join(at.path, '.shotlist', 'store'));
      await filled.journal.writeHead(aHead('spring'));
    }
    await expect(at.dryRun({ batch: 'spring' })).rejects.toMatchObject({ code: 'batch_taken' });
    expect((await at.dryRun({ batch: 'autumn' })).err).toContain('this was a dry run');
  });

  it('what enqueue asks about, it says', async () => {
    await using at = await openFolder();
    const asks = 'note: enqueue asks before it spends this; without a terminal it needs --yes or --cap\n';
    const env = { CONFIRM_OVER_USD: '0.001' };
    expect((await at.dryRun({}, env)).err).toContain(asks);
    for (const more of [{ yes: true }, { cap: 1_000_000 }] as const)
      expect((await at.dryRun(more, env)).err).not.toContain(asks);
    expect((await at.dryRun({})).err).not.toContain(asks);
  });
});
