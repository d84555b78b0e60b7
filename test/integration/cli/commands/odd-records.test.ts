import { describe, expect, it } from '@jest/globals';
import { rebuildCommand } from '../../../../src/cli/commands/rebuild.ts';
import { resumeCommand } from '../../../../src/cli/commands/resume.ts';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { unknownListCommand } from '../../../../src/cli/commands/unknown.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { completed, submit } from '../../../support/fal.ts';
import { logLines } from '../../../support/log-lines.ts';
import { NOTHING, opened, reconcile, TEE, TEE_INPUT } from '../../../support/reconciling.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const ROWS = [{ id: 'mug', prompt: 'a mug' }];

/** The odd one is the newest, which every walk meets first. */
async function two(workshop: Workshop): Promise<void> {
  for (const batch of ['sound', 'odd']) await workshop.enqueueRows(ROWS, { batch });
}

/** Ways in which what Redis holds of a batch can be none of ours. */
const WAYS = {
  'a word of a newer release': (of) => of.redis.hset(of.key, 'word', 'a word of tomorrow'),
  'a counter that is none': (of) => of.redis.hset(of.key, 'c.planned', 'many'),
  'a hold that is no JSON': (of) => of.redis.hset(of.key, { word: 'held', 'held.at': 1, failing: '{' }),
  'a key of another type': async (of) => {
    await of.redis.del(of.key);
    return await of.redis.set(of.key, 'a text');
  },
} as const satisfies Record<
  string,
  (of: { redis: Workshop['shop']['redis']; key: string }) => Promise<unknown>
>;

describe('a batch in Redis that cannot be read', () => {
  it.each(Object.entries(WAYS))(
    'by %s, is reported by status, resume, unknown list and the sweep, and rebuild BATCH mends it',
    async (_name, spoil) => {
      const { log, lines } = logLines();
      await using workshop = await openWorkshop({ log });
      await using cli = await workshopCli(workshop);
      await two(workshop);
      const { redis, queues, batches } = workshop.shop;
      await spoil({ redis, key: `${workshop.stack.prefix}:batch:odd` });

      const status = await cli.run((context) => statusCommand(context, undefined, { json: true }));
      expect(JSON.parse(status.out)).toMatchObject([{ batch: 'sound' }]);
      const resume = await cli.run((context) => resumeCommand(context, undefined, {}));
      const unknown = await cli.run((context) => unknownListCommand(context, undefined, { json: true }));
      expect(JSON.parse(unknown.out)).toEqual([]);
      for (const { err } of [status, resume, unknown]) expect(err).toContain('shotlist rebuild odd');

      await queues.queue('generate').obliterate({ force: true });
      expect(await workshop.sweep()).toBe(1);
      expect(lines.filter(({ batch }) => batch === 'odd')).toHaveLength(1);

      await cli.run((context) => rebuildCommand(context, 'odd', {}));
      expect(await batches.read('odd')).toMatchObject({ word: 'running', counts: { planned: 1 } });
      await workshop.startWorker();
      for (const batch of ['sound', 'odd'])
        expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    },
  );

  it('is forgotten by rebuild BATCH after its end, and status reads its summary', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(ROWS, { batch: 'odd' });
    const work = await workshop.startWorker();
    await workshop.untilEnded('odd');
    await work[Symbol.asyncDispose]();
    const { redis } = workshop.shop;
    await redis.hset(`${workshop.stack.prefix}:batch:odd`, 'word', 'a word of tomorrow');
    await cli.run((context) => rebuildCommand(context, 'odd', {}));
    expect(await workshop.status('odd')).toMatchObject({ state: 'done', counts: { delivered: 1 } });
    const { err } = await cli.run((context) => statusCommand(context, undefined, {}));
    expect(err).not.toContain('cannot be read');
  });
});

describe('a record of a request that cannot be read', () => {
  it('keeps no other request from its job, nor from the list of the unknown ones', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { redis, queues, records } = workshop.shop;
    const { prefix } = workshop.stack;
    await workshop.enqueueRows(
      [0, 1, 2].map((at) => ({ id: `cup-${at}`, prompt: `cup ${at}` })),
      {
        batch: 'cups',
      },
    );
    await redis.hset(`${prefix}:rec:cups.0.0`, { s: 'a state of tomorrow', n: 'many' });
    await redis.sadd(`${prefix}:open:cups`, 'zzzz');
    await redis.hset(`${prefix}:rec:cups.1.0`, 's', 'unknown');
    await redis.hset(`${prefix}:batch:cups`, 'c.unknown', '1');
    await queues.queue('generate').obliterate({ force: true });
    expect(await workshop.sweep()).toBe(2);
    const { out, err } = await cli.run((context) => unknownListCommand(context, undefined, { json: true }));
    expect(JSON.parse(out)).toMatchObject([{ request: 'cups.1.0' }]);
    expect(err).toContain('cups.0.0');
    await expect(records.read('cups.0.0')).rejects.toThrow('damaged');
  });
});

describe("a charge in fal's bill while a batch cannot be read", () => {
  it('is neither given away nor written off, and goes to that batch once it is rebuilt', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const requestId = await submit(workshop.fal, TEE_INPUT);
    await completed(workshop.fal, requestId);
    await workshop.enqueueRows([TEE], { batch: 'odd' });
    const { redis } = workshop.shop;
    await redis.hset(`${workshop.stack.prefix}:batch:odd`, 'word', 'a word of tomorrow');
    expect(await reconcile(cli)).toMatchObject(NOTHING);
    await cli.run((context) => rebuildCommand(context, 'odd', {}));
    expect(await reconcile(cli)).toMatchObject({ orphans: [], attached: [{ requestId, shot: 'tee' }] });
  });
});

describe("an owner of fal's id that cannot be read", () => {
  it('leaves that charge to its request, and the others are explained', async () => {
    await using one = await opened();
    const { workshop, cli } = one;
    const ids = [await submit(workshop.fal, TEE_INPUT), await submit(workshop.fal, TEE_INPUT)];
    for (const id of ids) await completed(workshop.fal, id);
    const [odd = '', sound = ''] = ids;
    await workshop.shop.store.putOnce(objectKeys.id(odd), Buffer.from('not JSON'), {
      contentType: 'application/json',
    });
    expect((await reconcile(cli)).orphans).toEqual([{ requestId: sound, costUsd: 0.02 }]);
  });
});

describe('a record of Redis that is none of ours', () => {
  it('among the reasons why a batch waits is left out of its status', async () => {
    await using workshop = await openWorkshop();
    await workshop.enqueueRows(ROWS, { batch: 'cups' });
    const { redis, waits } = workshop.shop;
    const key = `${workshop.stack.prefix}:waits:cups`;
    const now = Math.floor(Date.now() / 1_000);
    await redis.hset(key, { a: 'none of ours', b: `${now} {not JSON`, c: `${now} [{"of":"tomorrow"}]` });
    expect(await waits.read('cups')).toEqual([]);
    await waits.say('cups', 'w', [{ reason: 'fal is slow', requests: 1, sinceMs: 1 }]);
    expect(await waits.read('cups')).toMatchObject([{ reason: 'fal is slow' }]);
  });

  it('among the missing pictures counts as one, and the others are counted', async () => {
    await using workshop = await openWorkshop();
    const { redis, missing } = workshop.shop;
    await redis.hset(`${workshop.stack.prefix}:missing`, 'cups.0.0', 'none of ours');
    expect(await missing.note('cups.1.0', 2, 'no DNS')).toBe(3);
    expect(await missing.ofBatch('cups')).toMatchObject({ pictures: 3 });
  });

  it('among the pictures that are due keeps no other from being looked for', async () => {
    await using workshop = await openWorkshop();
    const { redis, due } = workshop.shop;
    const picture = { shotKey: 'a'.repeat(32), index: 0, request: 'cups.0.0' };
    await due.add(picture, 2, 2);
    await redis.zadd(`${workshop.stack.prefix}:due`, 1, 'zzzz');
    await redis.hset(`${workshop.stack.prefix}:due:progress`, 'zzzz', '{not JSON');
    expect(await due.due(10, 5)).toMatchObject([{}, picture]);
  });
});
