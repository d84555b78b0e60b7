import { describe, expect, it } from '@jest/globals';
import { headIn } from '../../../../src/operations/rebuild/head-in.ts';
import { Schedules } from '../../../../src/producer/schedules/schedules.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import type { Intent, Result } from '../../../../src/shared/journal/objects.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import type { ObjectStore } from '../../../../src/shared/store/object-store.ts';
import { Takes } from '../../../../src/shared/takes/takes.ts';
import { mapStore } from '../../../support/map-store.ts';

const NAME = { batch: 'b', row: 0, part: 0 };
const INTENT: Intent = {
  ...NAME,
  round: 0,
  nonce: 'mine',
  at: 1_000,
  reserved: 20_000,
  day: '2026-11-24',
  indices: [0],
};
const RESULT: Result = {
  ...NAME,
  round: 0,
  requestId: 'r-1',
  at: 1_000,
  day: '2026-11-24',
  cost: 20_000,
  source: 'price-rule',
  images: [],
};
const AWAY = { name: 'UnavailableError', service: 's3' };

/** A store that refuses to write these keys, and does not have them. */
function denying(hides: (key: string) => boolean): ObjectStore {
  const store = mapStore();
  return {
    ...store,
    putOnce: async (key, body, options) => (hides(key) ? 'exists' : await store.putOnce(key, body, options)),
    get: async (key) => (hides(key) ? undefined : await store.get(key)),
  };
}

/** A store that lists these keys, and then does not have them. */
function hiding(hides: (key: string) => boolean): ObjectStore {
  const store = mapStore();
  return { ...store, get: async (key) => (hides(key) ? undefined : await store.get(key)) };
}

describe('a create-once write that is refused, of an object that is not there', () => {
  const journal = new Journal({ store: denying(() => true) });

  it.each<[string, () => Promise<unknown>]>([
    ['a result', () => journal.writeResult(RESULT)],
    ['an intent', () => journal.writeIntent(INTENT)],
    ['an id', () => journal.takeId({ ...NAME, round: 0, requestId: 'r-1', at: 1, how: 'answered' })],
    ['a round that is closed', () => journal.closeRound({ ...NAME, round: 0, at: 1 })],
    ['a plan chunk', () => journal.writeChunk('b', 0, Buffer.from('x'))],
    [
      "a schedule's run",
      () => new Schedules({ store: denying(() => true) }).writeRun('n', { due: 1, at: 2, outcome: 'failed' }),
    ],
  ])('is a fault, and our own value never stands for it: %s', async (_, write) => {
    await expect(write()).rejects.toMatchObject(AWAY);
  });

  it('says what the store said of which object', async () => {
    await expect(journal.writeResult(RESULT)).rejects.toThrow(
      `The store says that ${objectKeys.result('r-1')} is not there, but it refused to write it a second time; look for`,
    );
  });

  it('is a fault also where the id alone is denied', async () => {
    const half = new Journal({ store: denying((key) => key === objectKeys.id('r-1')) });
    const taking = half.takeId({ ...NAME, round: 0, requestId: 'r-1', at: 1, how: 'answered' });
    await expect(taking).rejects.toMatchObject(AWAY);
  });
});

describe('an object that is listed, and then is not there', () => {
  it('is a fault: an intent, which is no reason to send the request again', async () => {
    const journal = new Journal({ store: hiding((key) => key.includes('/intents/')) });
    await journal.writeIntent(INTENT);
    await expect(journal.readIntent(NAME, 0)).rejects.toMatchObject(AWAY);
    expect(await journal.readIntent(NAME, 1)).toBeUndefined();
  });

  it.each<[string, (journal: Journal) => Promise<unknown>, (journal: Journal) => Promise<unknown>]>([
    [
      'what a user did to a batch',
      (journal) => journal.writeEvent('b', { kind: 'cancel', at: 1 }, 'x'),
      (journal) => journal.events('b'),
    ],
    [
      'what a user did to all submits',
      (journal) => journal.writeHouseEvent({ kind: 'pause', at: 1 }, 'x'),
      (journal) => journal.lastHouseEvent(),
    ],
    [
      'a failure',
      (journal) => journal.writeFailure({ ...NAME, round: 0, at: 1, code: 'c', message: 'm' }),
      (journal) => journal.failures('b'),
    ],
  ])('is a fault: %s', async (_, write, read) => {
    const journal = new Journal({ store: hiding(() => true) });
    await write(journal);
    await expect(read(journal)).rejects.toMatchObject(AWAY);
  });

  it('is a fault: the word on a take', async () => {
    const store = hiding(() => true);
    await store.put(objectKeys.take('s', 1, 'x'), Buffer.from('{}'), { contentType: 'application/json' });
    const takes = await Takes.load({ store, journal: new Journal({ store }) });
    await expect(takes.recordsOf('s')).rejects.toMatchObject(AWAY);
  });
});

describe('the head of a batch that a rebuild asks for', () => {
  const signal = new AbortController().signal;

  it('is missing only where the batch has sent nothing', async () => {
    const store = mapStore();
    expect(await headIn(store, objectKeys.batchFolder('b'), signal)).toBeUndefined();
    await new Journal({ store }).writeIntent(INTENT);
    await expect(headIn(store, objectKeys.batchFolder('b'), signal)).rejects.toMatchObject(AWAY);
  });
});
