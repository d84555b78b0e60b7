import { describe, expect, it } from '@jest/globals';
import { rebuildCommand } from '../../../../src/cli/commands/rebuild.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../../support/accounts.ts';
import { flush } from '../../../support/lost-redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const shots = (of: string, count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `${of}-${at}`, prompt: `a ${of} number ${at}` }));

describe('shotlist rebuild', () => {
  it('says what it restored, in one document', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(shots('cup', 3), { batch: 'cups' });
    await workshop.enqueueRows(shots('jug', 2), { batch: 'jugs', cap: 1_000_000 });
    await flush(workshop.redis);

    const { out, err } = await cli.run((context) => rebuildCommand(context, undefined, { json: true }));

    expect(JSON.parse(out)).toMatchObject({
      batches: ['cups', 'jugs'],
      requests: 5,
      planned: 5,
      submitted: 0,
      unknown: 0,
      spentUsd: 0,
      reservedUsd: 0,
    });
    expect(err).toContain('cups: running, 0 requests were under way');
    expect(await workshop.shop.batches.read('jugs')).toMatchObject({ cap: 1_000_000, complete: true });
  });

  it('is refused while Redis has lost nothing and requests are under way, unless it is meant', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(shots('cup', 3), { batch: 'cups' });

    await expect(cli.run((context) => rebuildCommand(context, undefined, {}))).rejects.toThrow(
      /3 requests of cups that are under way and has lost nothing.*--yes/,
    );

    await cli.run((context) => rebuildCommand(context, undefined, { yes: true }));
    expect(await workshop.status('cups')).toMatchObject({ state: 'running', counts: { planned: 3 } });
  });

  it('restores one batch beside others that Redis has kept, and all are delivered and paid once', async () => {
    await using workshop = await openWorkshop({ fal: { latencyMs: 150, slots: 3 } });
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(shots('cup', 12), { batch: 'cups' });
    await workshop.enqueueRows(shots('jug', 4), { batch: 'jugs' });
    const work = await workshop.startWorker();
    await workshop.untilStatus('cups', ({ counts }) => counts.delivered >= 2);
    await work[Symbol.asyncDispose]();
    const { client, prefix } = workshop.redis;
    await client.del(`${prefix}:batch:cups`);

    await cli.run((context) => rebuildCommand(context, 'cups', {}));
    await workshop.startWorker();
    await workshop.untilEnded('cups');
    await workshop.untilEnded('jugs');

    await expectPaidOnce(workshop, 'cups', 'jugs');
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'cups', 'jugs');
    const [day = ''] = await client.keys(`${prefix}:money:day:*`);
    expect(await client.hgetall(day)).toMatchObject({
      r: '0',
      s: String(workshop.fal.book.totalMicroUsd()),
    });
  }, 40_000);

  it('leaves an ended batch alone, and names one that there is not', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    await workshop.enqueueRows(shots('cup', 1), { batch: 'cups' });
    await workshop.startWorker();
    await workshop.untilEnded('cups');

    await expect(cli.run((context) => rebuildCommand(context, 'cups', {}))).rejects.toThrow(/has ended/);
    await expect(cli.run((context) => rebuildCommand(context, 'pots', {}))).rejects.toThrow(/no batch pots/);
  }, 30_000);
});
