import { describe, expect, it } from '@jest/globals';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import type { LedgerEntry, LedgerKey } from '../../../../src/shared/journal/objects.ts';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import { encodeSegment, objectKeys } from '../../../../src/shared/store/keys.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const NAME = { batch: 'Cups 2026', row: 3, part: 1 };
const INTENT = { ...NAME, round: 2, at: 5, reserved: 20_000, day: '2026-11-24', indices: [0] };

async function openJournal() {
  const folder = await tempFolder();
  const store = await openFolderStore({ folder: folder.path });
  return {
    store,
    journal: new Journal({ store }),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function entry(requestId: string, costMicroUsd = 20_000): LedgerEntry {
  return {
    ...NAME,
    ts: '2026-11-24T10:00:00.000Z',
    shot: 'cup',
    requestId,
    model: 'fal-ai/gpt-image-1-mini',
    quality: 'medium',
    imageSize: '1024x1024',
    numImages: 2,
    costMicroUsd,
    source: 'billable-units',
  };
}

async function listed(keys: AsyncIterable<LedgerKey>): Promise<LedgerKey[]> {
  const found: LedgerKey[] = [];
  for await (const key of keys) found.push(key);
  return found;
}

describe('an intent', () => {
  it('is ours when our own write stands there, though its answer was lost, and theirs when another one does', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    expect(await journal.writeIntent({ ...INTENT, nonce: 'mine' })).toBe('ours');
    expect(await journal.writeIntent({ ...INTENT, nonce: 'mine' })).toBe('ours');
    expect(await journal.writeIntent({ ...INTENT, nonce: 'other' })).toBe('theirs');
    expect(await journal.readIntent(NAME, 2)).toMatchObject({ nonce: 'mine' });
    expect(await journal.readIntent(NAME, 3)).toBeUndefined();
  });

  it('is had by one of many that write it at once', async () => {
    await using opened = await openJournal();
    const writers = Array.from({ length: 16 }, (_, at) => `nonce-${at}`);
    const outcomes = await Promise.all(
      writers.map((nonce) => opened.journal.writeIntent({ ...INTENT, nonce })),
    );
    expect(outcomes.filter((outcome) => outcome === 'ours')).toHaveLength(1);
  });
});

describe("fal's id", () => {
  const mine = { ...NAME, round: 0, requestId: 'an-id', at: 1 };
  const of = { ...NAME, round: 0, at: 2 };

  it('belongs to whoever took it first, however often it is asked for', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    expect(await journal.takeId(mine)).toBe(true);
    expect(await journal.takeId({ ...mine, row: 9 })).toBe(false);
    expect(await journal.takeId({ ...mine, at: 3 })).toBe(true);
    expect(await journal.readId('an-id')).toEqual(mine);
  });

  it('is one for a round, which gets no second one', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    await journal.takeId(mine);
    expect(await journal.takeId({ ...mine, requestId: 'a-second' })).toBe(false);
    expect(await journal.readId('a-second')).toBeUndefined();
    expect(await journal.outcomeOfRound(NAME, 0)).toEqual({ kind: 'id', requestId: 'an-id' });
  });

  it('that turns out to be another’s leaves the round free for its own', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    await journal.takeId({ ...mine, row: 9 });
    expect(await journal.takeId(mine)).toBe(false);
    expect(await journal.outcomeOfRound(NAME, 0)).toBeUndefined();
    expect(await journal.takeId({ ...mine, requestId: 'its-own' })).toBe(true);
    expect(await journal.outcomeOfRound(NAME, 0)).toEqual({ kind: 'id', requestId: 'its-own' });
  });

  it('is the one that a run was about to take, once anybody takes one for that round', async () => {
    await using opened = await openJournal();
    const { journal, store } = opened;
    await store.putOnce(objectKeys.roundHas(NAME, 0, 0), Buffer.from(JSON.stringify(mine)), {
      contentType: 'application/json',
    });
    expect(await journal.takeId({ ...mine, requestId: 'a-second' })).toBe(false);
    expect(await journal.readId('an-id')).toEqual(mine);
  });

  it('is given to no round that is closed, and closes none that has one', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    expect(await journal.closeRound(of)).toBeUndefined();
    expect(await journal.takeId(mine)).toBe(false);
    expect(await journal.outcomeOfRound(NAME, 0)).toEqual({ kind: 'closed' });
    const later = { ...mine, round: 1 };
    expect(await journal.takeId(later)).toBe(true);
    expect(await journal.closeRound({ ...of, round: 1 })).toBe('an-id');
  });

  it('is one for each round whatever the order in which many take many', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    const rows = [0, 1, 2, 3];
    const takes = rows.flatMap((row) => rows.map((id) => ({ ...mine, row, requestId: `id-${id}` })));
    await Promise.all(takes.map((take) => journal.takeId(take)));
    const had = await Promise.all(rows.map((row) => journal.outcomeOfRound({ ...NAME, row }, 0)));
    const ids = had.flatMap((one) => (one?.kind === 'id' ? [one.requestId] : []));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of rows) {
      const owner = await journal.readId(`id-${id}`);
      const has = owner && (await journal.outcomeOfRound(owner, 0));
      expect(has).toEqual({ kind: 'id', requestId: `id-${id}` });
    }
  });
});

describe('a ledger entry', () => {
  it('is one for each request, however often it is written', async () => {
    await using opened = await openJournal();
    const { journal } = opened;
    for (let time = 0; time < 3; time += 1) await journal.writeLedger(entry('an-id'), '2026-11-24');
    const keys = await listed(journal.listLedger());
    expect(keys).toHaveLength(1);
    expect(keys).toMatchObject([
      {
        day: '2026-11-24',
        batchSegment: encodeSegment(NAME.batch),
        costMicroUsd: 20_000,
        numImages: 2,
      },
    ]);
    expect(await journal.readLedger(keys[0]?.key ?? '')).toEqual(entry('an-id'));
  });

  it('says in its key what the sums need, whatever the batch and the id are called', async () => {
    await using opened = await openJournal();
    for (const id of ['a.b.c', 'UPPER', '../x', 'é', '1'.repeat(150)]) {
      await opened.journal.writeLedger(entry(id), '2026-11-24');
    }
    const keys = await listed(opened.journal.listLedger());
    expect(keys).toHaveLength(5);
    expect(keys.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0)).toBe(100_000);
  });

  it('is found by its day, both ends included', async () => {
    await using opened = await openJournal();
    const days = ['2026-09-30', '2026-11-23', '2026-11-24', '2026-11-25', '2026-12-01'];
    for (const [at, day] of days.entries()) await opened.journal.writeLedger(entry(`id-${at}`), day);
    const found = async (range: { from?: string; to?: string }) =>
      (await listed(opened.journal.listLedger(range))).map(({ day }) => day);
    expect(await found({})).toEqual(days);
    expect(await found({ from: '2026-11-23', to: '2026-11-24' })).toEqual(days.slice(1, 3));
    expect(await found({ from: '2026-11-25' })).toEqual(days.slice(3));
    expect(await found({ to: '2026-09-30' })).toEqual(days.slice(0, 1));
    expect(await found({ from: '2027-01-01' })).toEqual([]);
  });
});

describe('a result', () => {
  it('that stands decides the cost: a later one changes nothing', async () => {
    await using opened = await openJournal();
    const first = {
      ...NAME,
      round: 0,
      requestId: 'an-id',
      at: 1,
      day: '2026-11-24',
      cost: 20_000,
      source: 'billable-units' as const,
      images: [{ url: 'https://fal.media/x.png' }],
    };
    expect(await opened.journal.writeResult(first)).toEqual(first);
    expect(await opened.journal.writeResult({ ...first, cost: 90_000 })).toEqual(first);
  });
});

describe('a failure', () => {
  it('of the last round counts', async () => {
    await using opened = await openJournal();
    for (const round of [2, 10, 9]) {
      const value = { ...NAME, round, at: round, code: `round-${round}`, message: '' };
      await opened.journal.writeFailure(value);
    }
    expect((await opened.journal.failures(NAME.batch)).get('3.1')?.code).toBe('round-10');
  });
});

describe('what stands in the store', () => {
  it('damaged is named by its key, with what to do', async () => {
    await using opened = await openJournal();
    const { journal, store } = opened;
    await journal.takeId({ ...NAME, round: 0, requestId: 'an-id', at: 1 });
    await store.put('_shotlist/ids/an-id.json', Buffer.from('{"batch":'), {
      contentType: 'application/json',
    });
    await expect(journal.readId('an-id')).rejects.toThrow('_shotlist/ids/an-id.json in the store is damaged');
  });
});
