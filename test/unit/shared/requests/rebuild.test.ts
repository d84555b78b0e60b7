import { describe, expect, it } from '@jest/globals';
import { tracesOf, unfinishedFolders } from '../../../../src/shared/journal/traces.ts';
import {
  type Doubt,
  nextRound,
  retriedRounds,
  settleDoubt,
  standingByNames,
  wordAndCap,
} from '../../../../src/shared/requests/derive.ts';
import { proofOf, waitsForProof } from '../../../../src/shared/requests/proof.ts';
import { nextLife } from '../../../../src/shared/requests/redis-continuity.ts';
import { mapStore } from '../../../support/map-store.ts';

const none = { kind: 'pay', delivered: false, failedRound: undefined, sentRound: undefined } as const;
const doubt = (round: number) => ({ state: 'doubt', round });

describe('how a request stands, by the names in the store', () => {
  it.each([
    ['nothing', none, 'running', { state: 'planned' }],
    ['nothing, paused', none, 'paused', { state: 'planned' }],
    ['nothing, cancelled', none, 'cancelled', { state: 'cancelled' }],
    [
      'originals that existed when it was planned',
      { ...none, kind: 'reuse' },
      'running',
      { state: 'generated' },
    ],
    [
      'nothing, of a row that waits for the proof',
      { ...none, waitsForProof: true },
      'running',
      { state: 'held' },
    ],
    ['nothing, waiting for the proof, paused', { ...none, waitsForProof: true }, 'paused', { state: 'held' }],
    [
      'nothing, waiting for the proof, cancelled',
      { ...none, waitsForProof: true },
      'cancelled',
      { state: 'cancelled' },
    ],
    [
      'originals that existed, in a row of which other pictures wait for the proof',
      { ...none, kind: 'reuse', waitsForProof: true },
      'running',
      { state: 'generated' },
    ],
    [
      'an id of fal that its bill had, in a row that waits for the proof',
      { ...none, sentRound: 0, waitsForProof: true },
      'running',
      doubt(0),
    ],
    ['an intent', { ...none, sentRound: 2 }, 'running', doubt(2)],
    ['an intent, cancelled: it may have been paid', { ...none, sentRound: 0 }, 'cancelled', doubt(0)],
    ['a failure', { ...none, failedRound: 1, sentRound: 1 }, 'running', { state: 'failed' }],
    ['a failure before anything was sent', { ...none, failedRound: 0 }, 'running', { state: 'failed' }],
    ['a failure, and an intent after it', { ...none, failedRound: 1, sentRound: 2 }, 'running', doubt(2)],
    ['a failure of a later round', { ...none, failedRound: 3, sentRound: 2 }, 'running', { state: 'failed' }],
    ['a delivery', { ...none, delivered: true, sentRound: 1 }, 'running', { state: 'delivered' }],
    [
      'a delivery beside a failure that a late run wrote',
      { ...none, delivered: true, failedRound: 1, sentRound: 1 },
      'running',
      { state: 'delivered' },
    ],
  ] as const)('%s', (_, traces, word, expected) => {
    expect(standingByNames(traces, word)).toEqual(expected);
  });
});

const name = { batch: 'b', row: 7, part: 0 };
const intent = { round: 2, reserved: 50, day: '2026-11-24' };
const own = { ...name, round: 2 };
const id = (more: object) => ({ requestId: 'X', segment: 'x', owner: own, named: true, ...more });
const unknown: Doubt = { state: 'unknown', reserved: 50, day: '2026-11-24' };
const reserved: Doubt = {
  state: 'submitted',
  requestId: 'X',
  money: { kind: 'reserved', reserved: 50, day: '2026-11-24' },
};

describe('what a round in doubt is', () => {
  it.each([
    ['no id', [], [], unknown],
    ['an id that it took', [id({})], [], reserved],
    ['an id that nobody took yet, under its name', [id({ owner: undefined })], [], reserved],
    ['an id that another request took first', [id({ owner: { ...own, row: 8 } })], [], unknown],
    ['an id of its own earlier round', [id({ owner: { ...own, round: 1 }, named: false })], [], unknown],
    [
      'an id that is in the ledger',
      [id({})],
      [{ idSegment: 'x', costMicroUsd: 40 }],
      { state: 'submitted', requestId: 'X', money: { kind: 'booked', cost: 40 } },
    ],
    [
      'an id that is in the ledger and has lost its name',
      [id({ named: false })],
      [{ idSegment: 'x', costMicroUsd: 40 }],
      { state: 'submitted', requestId: 'X', money: { kind: 'booked', cost: 40 } },
    ],
    [
      'an entry of an earlier round',
      [id({ owner: { ...own, round: 1 }, named: false })],
      [{ idSegment: 'x', costMicroUsd: 40 }],
      unknown,
    ],
    [
      'its own id beside one that it lost',
      [id({ requestId: 'W', segment: 'w', owner: { ...own, row: 8 } }), id({})],
      [],
      reserved,
    ],
  ] as const)('%s', (_, ids, entries, expected) => {
    expect(settleDoubt(name, { intent, ids, entries })).toEqual(expected);
  });
});

describe('the words of a rebuild', () => {
  it('takes the last of hold, pause and resume, with why it is held', () => {
    const failing = { code: 'refused', failures: 5, request: 'b.4.0', shot: 'mug', message: 'no' };
    const hold = { kind: 'hold', at: 1, failing } as const;
    const resume = { kind: 'resume', at: 2 } as const;
    const pause = { kind: 'pause', at: 3 } as const;
    expect(wordAndCap([hold], 5)).toEqual({ word: 'held', cap: 5, hold });
    expect(wordAndCap([hold, resume], 5)).toEqual({ word: 'running', cap: 5, hold: undefined });
    expect(wordAndCap([resume, hold], 5)).toEqual({ word: 'held', cap: 5, hold });
    expect(wordAndCap([hold, pause], 5)).toEqual({ word: 'paused', cap: 5, hold: undefined });
    expect(wordAndCap([hold, { kind: 'cancel', at: 4 }, hold], 5)).toMatchObject({ word: 'cancelled' });
  });

  it('takes the last cap, and a pause until a resume; a cancellation stays', () => {
    const at = 1;
    expect(wordAndCap([], 5)).toEqual({ word: 'running', cap: 5 });
    expect(
      wordAndCap(
        [
          { kind: 'cap', at, cap: 9 },
          { kind: 'pause', at },
        ],
        5,
      ),
    ).toEqual({ word: 'paused', cap: 9 });
    expect(
      wordAndCap(
        [
          { kind: 'pause', at },
          { kind: 'resume', at },
        ],
        undefined,
      ),
    ).toEqual({
      word: 'running',
      cap: undefined,
    });
    expect(
      wordAndCap(
        [
          { kind: 'cancel', at },
          { kind: 'resume', at },
        ],
        5,
      ).word,
    ).toBe('cancelled');
  });

  it('knows a proof by the head, and a word on it by the events', () => {
    const at = 1;
    const head = { proof: { rows: [2, 5] } };
    expect(proofOf({}, [{ kind: 'approve', at }])).toBeUndefined();
    expect(proofOf(head, [{ kind: 'resume', at }])).toBe('open');
    expect(proofOf(head, [{ kind: 'approve', at }])).toBe('approved');
    const waits = (proof: 'open' | 'approved') => [0, 2, 5, 6].filter(waitsForProof(head, proof));
    expect(waits('open')).toEqual([0, 6]);
    expect(waits('approved')).toEqual([]);
  });

  it('goes on in a round after all that were seen, and after all that could not be seen', () => {
    expect(nextRound(undefined, 1_000_000)).toBe(1_000);
    expect(nextRound(4, 1_000_000)).toBe(1_000);
    expect(nextRound(1_000, 1_000_500)).toBe(1_001);
  });

  it('names lives in the order in which they begin, whatever the clocks say', () => {
    const first = nextLife(undefined, 2_000);
    const second = nextLife(first, 1_000);
    expect(second > first).toBe(true);
  });
});

describe('the listing of a batch', () => {
  it('reads rounds, ids and chunks off the names', async () => {
    const store = mapStore();
    const put = (key: string) =>
      store.put(`_shotlist/batches/b/${key}`, Buffer.from('{}'), { contentType: 'application/json' });
    for (const key of ['head.json', 'plan/000000.jsonl.gz', 'plan/000002.jsonl.gz', 'delivered/0.0.json'])
      await put(key);
    for (const key of ['intents/1.0-2.json', 'intents/1.0-10.json', 'failed/3.1-0.json']) await put(key);
    for (const key of ['rounds/1.0-2.0.json', 'rounds/1.0-10.1.json']) await put(key);
    for (const key of ['ids/1.0-10.98bd-7.json', 'ids/1.0-2.AB~0123456789ab.json']) await put(key);

    expect(await tracesOf(store, 'b')).toEqual({
      chunks: new Set([0, 2]),
      delivered: new Set(['0.0']),
      failed: new Map([['3.1', 0]]),
      intents: new Map([['1.0', 10]]),
      earlierIntents: new Map([['1.0', [2]]]),
      rounds: new Map([
        [
          '1.0',
          [
            { round: 10, nth: 1 },
            { round: 2, nth: 0 },
          ],
        ],
      ]),
      ids: new Map([
        [
          '1.0',
          [
            { round: 10, segment: '98bd-7' },
            { round: 2, segment: 'AB~0123456789ab' },
          ],
        ],
      ]),
    });
  });

  it('finds the batches without a summary, and those where a person did something after it', async () => {
    const store = mapStore();
    const put = (key: string) =>
      store.put(`_shotlist/batches/${key}`, Buffer.from('{}'), { contentType: 'application/json' });
    for (const key of [
      'a/head.json',
      'a.b/head.json',
      'a0/head.json',
      'done/events/00000000000001-a.json',
      'done/summary.json',
    ]) {
      await put(key);
    }
    for (const key of ['again/summary.json', 'again/events/00000000000002-a.json']) await put(key);
    const folders: string[] = [];
    for await (const folder of unfinishedFolders(store))
      folders.push(folder.slice('_shotlist/batches/'.length));
    expect(folders.sort()).toEqual(['a.b/', 'a/', 'a0/', 'again/']);
  });
});

describe('the rounds that a person wants tried again', () => {
  it('are the last one of each request, in whatever order they were said', () => {
    const events = [
      { kind: 'retry' as const, at: 2, failed: ['0.0-7', '12.1-1'] },
      { kind: 'pause' as const, at: 3 },
      { kind: 'retry' as const, at: 1, failed: ['0.0-3', '12.0-0'] },
    ];
    expect([...retriedRounds(events)]).toEqual([
      ['0.0', 7],
      ['12.1', 1],
      ['12.0', 0],
    ]);
  });

  it('are none where nobody asked for it', () => {
    expect(
      retriedRounds([
        { kind: 'cancel', at: 1 },
        { kind: 'resume', at: 2 },
      ]).size,
    ).toBe(0);
  });
});
