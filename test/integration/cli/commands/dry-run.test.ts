import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { dryRun, enqueueCommand } from '../../../../src/cli/commands/enqueue.ts';
import { runCommand } from '../../../../src/cli/commands/run.ts';
import type { ListArguments } from '../../../../src/cli/options/list.ts';
import { dayOf } from '../../../../src/shared/base/time.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { Latencies, latencyKindOf } from '../../../../src/shared/redis/latencies.ts';
import { anEntry } from '../../../support/filled-store.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const facts = z.looseObject({
  covered: z.object({ rows: z.int(), cap: z.string(), leftUsd: z.number() }).optional(),
  finish: z.object({ seconds: z.int(), binds: z.string() }).optional(),
  regenerate: z.object({ times: z.int(), maxUsd: z.number() }).optional(),
});

// At the default quality two cents each.
const LIST = 'id,prompt,title\na,"Photo of {{title}}",mug\nb,a tee,\nc,a cap,\nd,a hat,\n';

async function openDryRuns(settings: Readonly<Record<string, string>> = {}) {
  const workshop = await openWorkshop();
  const cli = await workshopCli(workshop, settings);
  const folder = await tempFolder();
  const path = join(folder.path, 'list.csv');
  await writeFile(path, LIST);
  const args = (more: Partial<ListArguments>) => ({ priority: 1_000, ...more });
  return {
    ...workshop,
    said: async (more: Partial<ListArguments> = {}) =>
      (await cli.run((context) => dryRun(context, 'run', path, args(more)))).err,
    json: async (more: Partial<ListArguments> = {}) => {
      const { out } = await cli.run((context) => dryRun(context, 'run', path, args({ json: true, ...more })));
      return facts.parse(JSON.parse(out));
    },
    enqueue: (more: Partial<ListArguments>) =>
      cli.run((context) => enqueueCommand(context, path, args(more))),
    run: (more: Partial<ListArguments>) => cli.run((context) => runCommand(context, path, args(more))),
    [Symbol.asyncDispose]: async () => {
      await cli[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('a dry run', () => {
  it('says how many rows the tightest cap covers, by what the ledger says is spent', async () => {
    await using at = await openDryRuns({ DAILY_CAP_USD: '1', MONTHLY_CAP_USD: '1.5' });
    const { journal } = at.shop;
    const spend = (requestId: string, usd: number, day: string) =>
      journal.writeLedger(anEntry({ requestId, costMicroUsd: usd * 1_000_000 }), day);
    expect((await at.json()).covered).toEqual({ rows: 4, cap: 'DAILY_CAP_USD', leftUsd: 1 });
    const today = dayOf(Date.now());
    await spend('one', 0.95, today);
    await spend('before', 40, '2020-01-31');
    expect((await at.json()).covered).toEqual({ rows: 2, cap: 'DAILY_CAP_USD', leftUsd: 0.05 });
    expect((await at.json({ cap: 30_000 })).covered).toEqual({ rows: 1, cap: '--cap', leftUsd: 0.03 });
    await spend('two', 0.6, today);
    expect((await at.json()).covered).toMatchObject({ rows: 0, cap: 'DAILY_CAP_USD' });
    expect((await at.json()).finish?.binds).toBe('cap');
    expect(await at.said()).toContain(
      'the tightest cap, DAILY_CAP_USD ($1.00, all of it spent), does not cover the first of 4 rows',
    );
  });

  it('says how long it takes by what workers learned, and shows the prompts as they are sent', async () => {
    await using at = await openDryRuns({ FAL_CONCURRENCY: '2', FAL_SUBMIT_RATE: '100/s' });
    const model = defaultRegistry().get('gpt-image-1-mini');
    expect((await at.json()).finish).toEqual({
      seconds: (4 * model.latency.p50Ms) / 2_000,
      binds: 'slots',
    });
    const latencies = new Latencies({ redis: at.redis.client, prefix: at.redis.prefix });
    const input = { quality: 'medium', image_size: '1024x1024' };
    await latencies.learn(latencyKindOf(model.endpoint, input, 1), 5_000);
    expect((await at.json()).finish).toEqual({ seconds: 10, binds: 'slots' });
    const said = await at.said();
    expect(said).toContain('by the latency learned so far: the slots (FAL_CONCURRENCY 2)');
    expect(said).toContain('  a: "Photo of mug"\n  b: "a tee"\n  c: "a cap"\n');
    expect(said).not.toContain('a hat');
  });

  it('says what pictures that are made again may add, those that exist already included', async () => {
    await using at = await openDryRuns();
    expect((await at.json()).regenerate).toBeUndefined();
    expect((await at.json({ regenerate: 3 })).regenerate).toEqual({ times: 3, maxUsd: 0.24 });
    expect(await at.said({ regenerate: 3 })).toContain(
      '--regenerate 3: at most 3 more requests for each picture that fails a check, $0.24 more at most if all of them do; --cap would bound the whole\n',
    );
    expect((await at.json({ regenerate: 3, cap: 100_000 })).regenerate).toEqual({ times: 3, maxUsd: 0.1 });
    expect(await at.said({ regenerate: 1, cap: 100_000 })).toContain(
      'at most 1 more request for each picture that fails a check, $0.08 more at most if all of them do, and the whole stays within --cap $0.10\n',
    );
    await at.startWorker();
    await at.enqueue({ batch: 'before' });
    await at.untilEnded('before');
    expect(await at.json({ regenerate: 3 })).toMatchObject({ requests: 0, regenerate: { maxUsd: 0.24 } });
  });

  it('counts what is made again among what a person is asked about, and a standing batch keeps its own word', async () => {
    await using at = await openDryRuns({ CONFIRM_OVER_USD: '0.1' });
    await expect(at.enqueue({ batch: 'spring', regenerate: 1 })).rejects.toThrow('up to $0.16');
    await at.enqueue({ batch: 'spring', regenerate: 1, yes: true });
    const { err } = await at.enqueue({ batch: 'spring' });
    expect(err).toContain('note: spring was queued before with --regenerate 1, which stands\n');
    const again = await at.enqueue({ batch: 'spring', regenerate: 2 });
    expect(again.err).toContain('with --regenerate 1, which stands\n');
    expect(again.err).not.toContain('at most 2 more');
  });

  it('does without a Redis that cannot be reached, and says so', async () => {
    await using at = await openDryRuns({ REDIS_URL: 'redis://127.0.0.1:1' });
    const said = await at.said();
    expect(said).toContain('note: Redis cannot be reached');
    expect(said).toContain("by the model's published latency");
  });

  it('alone looks for a fit: without it, --fit is refused before anything is opened', async () => {
    await using at = await openDryRuns();
    expect(await at.said({ fit: 50_000 })).toContain('quality low is the best that fits all 4 rows');
    await expect(at.enqueue({ fit: 50_000 })).rejects.toThrow('add --dry-run');
    await expect(at.run({ fit: 50_000 })).rejects.toThrow('add --dry-run');
  });
});

describe('enqueue', () => {
  it('says the same before it asks, and of a batch that stands that its cap does', async () => {
    await using at = await openDryRuns({ FAL_CONCURRENCY: '2' });
    const first = await at.enqueue({ cap: 100_000 });
    expect(first.err).toContain('the tightest cap, --cap ($0.10), covers all 4 rows');
    expect(first.err).toContain('the slots (FAL_CONCURRENCY 2)');
    const { batch } = z
      .looseObject({ batch: z.string() })
      .parse(JSON.parse((await at.enqueue({ cap: 100_000, json: true })).out));
    await at.shop.journal.writeLedger(
      anEntry({ requestId: 'paid', batch, costMicroUsd: 50_000 }),
      dayOf(Date.now()),
    );
    // Of the batch that stands five cents of ten are spent, whatever --cap says.
    expect((await at.json({ cap: 300_000 })).covered).toEqual({ rows: 2, cap: '--cap', leftUsd: 0.05 });
    const again = await at.enqueue({ cap: 200_000 });
    expect(again.err).toMatch(
      /was queued before with a cap of \$0\.10, which stands; .* shotlist resume \S+ --cap 0\.2/,
    );
  });

  it('refuses a cap below what its batch has spent, in one sentence', async () => {
    await using at = await openDryRuns();
    await using _worker = await at.startWorker();
    const { out } = await at.enqueue({ json: true, recipe: 'original', cap: 60_000 });
    const { batch } = z.looseObject({ batch: z.string() }).parse(JSON.parse(out));
    await at.untilStatus(batch, ({ state, money }) => state === 'held' && money.spentUsd === 0.06);
    await expect(at.enqueue({ cap: 10_000, recipe: 'original' })).rejects.toThrow(
      'is below the $0.06 that are spent',
    );
  });
});
