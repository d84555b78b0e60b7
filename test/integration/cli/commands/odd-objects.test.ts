import { describe, expect, it } from '@jest/globals';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { freeCharges } from '../../../../src/operations/free-charges.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const JSON_TYPE = { contentType: 'application/json' } as const;
const ROWS = [{ id: 'mug', prompt: 'a mug' }];

describe('one odd object or record', () => {
  it('among the lives of Redis is none of ours, and stops no worker', async () => {
    await using workshop = await openWorkshop();
    const { store, journal, memory } = workshop.shop;
    await memory.open();
    const life = await journal.newestLife();
    for (const name of ['zzzz.json', '00000000000NaN-1a2b3c4d.json', '9.json'])
      await store.putOnce(`${objectKeys.lives}${name}`, Buffer.from('{}'), JSON_TYPE);
    expect(life).toMatch(/^\d{14}-[0-9a-f]{8}$/);
    expect(await journal.newestLife()).toBe(life);
    await workshop.startWorker();
    const batch = await workshop.enqueueRows(ROWS);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
  });

  it('among the charges without a request is told, and the others count', async () => {
    await using workshop = await openWorkshop();
    const { store } = workshop.shop;
    await store.putOnce(objectKeys.orphan('a-garbled-one'), Buffer.from('not JSON'), JSON_TYPE);
    const odd: string[] = [];
    const never = new AbortController().signal;
    expect(await freeCharges(store, Date.now(), never, ({ message }) => odd.push(message))).toEqual([]);
    expect(odd).toEqual([expect.stringContaining('a-garbled-one')]);
  });

  it('of a batch in Redis is told by status, and the sweep goes on with the others', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { redis, prefix } = { redis: workshop.shop.redis, prefix: workshop.stack.prefix };
    const sound = await workshop.enqueueRows(ROWS, { batch: 'sound' });
    // The newest comes first in every walk.
    const odd = await workshop.enqueueRows(ROWS, { batch: 'odd' });
    await redis.hset(`${prefix}:batch:${odd}`, 'word', 'a word of tomorrow');
    const keys = await redis.keys(`${prefix}:*:*`);
    expect(keys).toContain(`${prefix}:batch:${odd}`);
    const { out, err } = await cli.run((context) => statusCommand(context, undefined, { json: true }));
    expect(JSON.parse(out)).toMatchObject([{ batch: sound }]);
    expect(err).toContain('What Redis holds of odd cannot be read (word');
    await workshop.sweep();
    await expect(cli.run((context) => statusCommand(context, odd, {}))).rejects.toThrow(
      'shotlist rebuild odd',
    );
  });
});
