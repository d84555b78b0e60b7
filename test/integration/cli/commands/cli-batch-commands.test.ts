import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { exportCommand } from '../../../../src/cli/commands/export.ts';
import { pauseCommand, resumeCommand } from '../../../../src/cli/commands/resume.ts';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { Queues } from '../../../../src/shared/queues/queues.ts';
import { Batches } from '../../../../src/shared/requests/batches.ts';
import { Records } from '../../../../src/shared/requests/records.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { runInContext } from '../../../support/cli-context.ts';
import { aRow, filledStore, writePlan } from '../../../support/filled-store.ts';
import { testRedis } from '../../../support/redis.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** A queued batch of three requests in a store and a Redis of its own, no worker. */
async function queued(batch: string, { cap }: { cap?: number } = {}) {
  const folder = await tempFolder();
  const redis = await testRedis();
  const { url, prefix, client } = redis;
  const filled = await filledStore(join(folder.path, '.shotlist', 'store'));
  const head = await writePlan(
    filled.journal,
    batch,
    [aRow(0, 'tee'), aRow(1, 'mug'), aRow(2, 'hat')],
    cap === undefined ? {} : { cap },
  );
  const deps = { redis: client, prefix, clock: Date.now };
  const batches = new Batches(deps);
  const records = new Records({
    ...deps,
    ttlH: 1,
    stopAfterFailures: 5,
    caps: { daily: undefined, monthly: undefined },
  });
  const queues = new Queues({ url, prefix });
  await batches.create(head);
  const items = [0, 1, 2].map((row) => ({ row, part: 0, state: 'planned' as const }));
  const created = (await records.create(batch, items)) ?? [];
  await queues.add(
    'generate',
    created.map(({ request, round }) => ({ request, round, priority: 100 })),
  );
  await batches.complete(batch);
  const at = { cwd: folder.path, environment: { REDIS_URL: url, REDIS_PREFIX: prefix } };
  return {
    at,
    ...filled,
    batches,
    records,
    waiting: async () => {
      const counts = await queues.queue('generate').getJobCounts('waiting', 'prioritized', 'delayed');
      return Object.values(counts).reduce((sum, one) => sum + one, 0);
    },
    generatePaused: () => queues.queue('generate').isPaused(),
    events: async () => {
      const kinds: unknown[] = [];
      for await (const { key } of filled.store.list(objectKeys.events(batch)))
        kinds.push(JSON.parse(String((await filled.store.get(key))?.body)));
      return kinds;
    },
    reserve: (row: number, price = 20_000) =>
      records.transition('reserve', {
        request: `${batch}.${row}.0`,
        take: { shotKey: String(row).repeat(32), indices: [0], price },
      }),
    [Symbol.asyncDispose]: async () => {
      await queues[Symbol.asyncDispose]();
      await filled[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('status', () => {
  it("prints exactly the contract's object, and a list of them without a batch", async () => {
    await using one = await queued('spring', { cap: 1_000_000 });
    await one.reserve(0);
    const { out } = await runInContext(one.at, (context) => statusCommand(context, 'spring', { json: true }));
    const status = JSON.parse(out);
    expect(status).toEqual({
      batch: 'spring',
      state: 'running',
      counts: {
        planned: 2,
        submitting: 1,
        submitted: 0,
        generated: 0,
        rendering: 0,
        delivered: 0,
        failed: 0,
        held: 0,
        unknown: 0,
        cancelled: 0,
      },
      money: { capUsd: 1, reservedUsd: 0.02, spentUsd: 0, estimateUsd: 0.02 },
      etaSeconds: null,
      heldReason: null,
      waitingFor: [],
    });
    const all = await runInContext(one.at, (context) => statusCommand(context, undefined, { json: true }));
    expect(JSON.parse(all.out)).toEqual([status]);
    const table = await runInContext(one.at, (context) => statusCommand(context, undefined, {}));
    expect(table.out).toMatch(/^batch .*\nspring {2}running .* 0\/3 .*\$0\.00\n$/);
  });

  it('reads the summary from the store when Redis has forgotten the batch', async () => {
    await using one = await queued('spring');
    const { out } = await runInContext(one.at, (context) => statusCommand(context, 'spring', { json: true }));
    const done = { ...JSON.parse(out), batch: 'winter', state: 'done', etaSeconds: 0 };
    await one.journal.writeSummary('winter', done);
    const said = await runInContext(one.at, (context) => statusCommand(context, 'winter', { json: true }));
    expect(JSON.parse(said.out)).toEqual(done);
    const watched = await runInContext(one.at, (context) =>
      statusCommand(context, 'winter', { watch: true }),
    );
    expect(watched.result).toBe(0);
  });

  it('--watch ends with 3 where a person is needed, and with 2 where something failed', async () => {
    await using one = await queued('spring', { cap: 10_000 });
    const watch = (batch: string) =>
      runInContext(one.at, (context) => statusCommand(context, batch, { watch: true, json: true }));
    expect(await one.reserve(0)).toMatchObject({ code: 'held', whole: true });
    const held = await watch('spring');
    expect(held.result).toBe(3);
    const status = JSON.parse(held.out);
    expect(status).toMatchObject({ state: 'held', heldReason: expect.stringContaining('cap') });
    await one.journal.writeSummary('winter', {
      ...status,
      batch: 'winter',
      state: 'done',
      heldReason: null,
      counts: { ...status.counts, held: 0, failed: 3 },
    });
    expect((await watch('winter')).result).toBe(2);
  });

  it('names the batch that was meant', async () => {
    await using one = await queued('spring');
    await expect(runInContext(one.at, (context) => statusCommand(context, 'sprnig', {}))).rejects.toThrow(
      'There is no batch sprnig: did you mean spring?',
    );
  });
});

describe('pause and resume', () => {
  it('of a batch take its waiting jobs away and give them back; a repeat changes nothing', async () => {
    await using one = await queued('spring');
    const pause = () => runInContext(one.at, (context) => pauseCommand(context, 'spring', { json: true }));
    const resume = () => runInContext(one.at, (context) => resumeCommand(context, 'spring', { json: true }));
    expect(await one.waiting()).toBe(3);
    await pause();
    expect(JSON.parse((await pause()).out)).toMatchObject({ state: 'paused', counts: { planned: 3 } });
    expect(await one.waiting()).toBe(0);
    expect(await one.reserve(0)).toMatchObject({ code: 'word', reason: 'paused' });
    await resume();
    expect(JSON.parse((await resume()).out)).toMatchObject({ state: 'running', counts: { planned: 3 } });
    expect(await one.waiting()).toBe(3);
  });

  it('with a higher cap go on with what the cap held, and the store knows of it', async () => {
    await using one = await queued('spring', { cap: 20_000 });
    await one.reserve(0);
    await one.records.transition('accept', { request: 'spring.0.0', set: { requestId: 'r' } });
    await one.records.transition('book', { request: 'spring.0.0', book: { cost: 20_000, images: 1 } });
    expect(await one.reserve(1)).toMatchObject({ code: 'held', scope: 'batch:spring' });
    const held = await runInContext(one.at, (context) =>
      exportCommand(context, 'spring', { format: 'jsonl' }),
    );
    const [, mug] = held.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(mug).toMatchObject({ shot: 'mug', status: 'held' });
    expect(mug.error).toMatch(/^held: the batch cap of \$0\.02/);

    await expect(
      runInContext(one.at, (context) => resumeCommand(context, 'spring', { cap: 10_000 })),
    ).rejects.toThrow(/below the \$0\.02 that are spent/);
    expect(await one.events()).toEqual([]);

    const { out } = await runInContext(one.at, (context) =>
      resumeCommand(context, 'spring', { cap: 60_000, json: true }),
    );
    expect(JSON.parse(out)).toMatchObject({
      state: 'running',
      counts: { planned: 2, held: 0 },
      money: { capUsd: 0.06 },
    });
    expect(await one.events()).toMatchObject([{ kind: 'cap', cap: 60_000 }, { kind: 'resume' }]);
    expect(await one.reserve(1)).toMatchObject({ code: 'ok' });
  });

  it('refuse a cap below what fal may still charge for requests under way', async () => {
    await using one = await queued('spring');
    await one.reserve(0);
    await expect(
      runInContext(one.at, (context) => resumeCommand(context, 'spring', { cap: 10_000 })),
    ).rejects.toThrow(/\$0\.02 that fal may still charge/);
  });

  it('without a batch stop and start all submits', async () => {
    await using one = await queued('spring');
    await runInContext(one.at, (context) => pauseCommand(context, undefined, {}));
    expect(await one.generatePaused()).toBe(true);
    expect(await one.reserve(0)).toMatchObject({ code: 'stopped' });
    const status = await runInContext(one.at, (context) => statusCommand(context, 'spring', { json: true }));
    expect(JSON.parse(status.out)).toMatchObject({
      state: 'held',
      heldReason: expect.stringContaining('operator'),
    });
    const { err } = await runInContext(one.at, (context) => resumeCommand(context, undefined, {}));
    expect(err).toContain('paused by a person');
    expect(await one.generatePaused()).toBe(false);
    expect(await one.reserve(0)).toMatchObject({ code: 'ok' });
  });

  it('leave the reason of an earlier stop as it is', async () => {
    await using one = await queued('spring');
    await one.batches.stop({ code: 'balance', reason: 'balance: fal says the account is empty' });
    const { err } = await runInContext(one.at, (context) => pauseCommand(context, undefined, {}));
    expect(err).toContain('balance: fal says the account is empty');
  });

  it('of a batch at its end do nothing, and say so', async () => {
    await using one = await queued('spring');
    for (const row of [0, 1, 2]) await one.records.transition('fail', { request: `spring.${row}.0` });
    for (const command of [pauseCommand, resumeCommand]) {
      const { err, result } = await runInContext(one.at, (context) => command(context, 'spring', {}));
      expect(err).toBe('spring is done and has nothing left to do.\n');
      expect(result).toBe(0);
    }
    expect(await one.events()).toEqual([]);
  });

  it('say that there is no such batch', async () => {
    await using one = await queued('spring');
    await expect(runInContext(one.at, (context) => resumeCommand(context, 'autumn', {}))).rejects.toThrow(
      'There is no batch autumn',
    );
  });
});
