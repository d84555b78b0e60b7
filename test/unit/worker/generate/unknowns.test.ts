import { describe, expect, it } from '@jest/globals';
import { Later } from '../../../../src/shared/base/later.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { FalError } from '../../../../src/shared/fal/errors.ts';
import type { SeenEntry } from '../../../../src/shared/fal/history.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { provenFrom } from '../../../../src/shared/requests/absence.ts';
import type { Outcome } from '../../../../src/shared/requests/outcome.ts';
import type { RequestRecord } from '../../../../src/shared/requests/record.ts';
import type { House, Work } from '../../../../src/shared/requests/steps.ts';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import { createResolveUnknown } from '../../../../src/worker/generate/lost-answers.ts';
import type { Readings } from '../../../../src/worker/generate/readings.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const NAME = { batch: 'b', row: 0, part: 0 };
const INTENT_AT_MS = 1_000_000;
const LIMITS = { postWindowMs: 30_000, startTimeoutS: 600, unknownMarginS: 300 };
const PROVEN_MS = provenFrom(INTENT_AT_MS, LIMITS, defaultRegistry().get('gpt-image-1-mini'));
const KEY = 'mark';
const POSTED = { prompt: 'a cup', quality: 'medium', num_images: 1 };
/** Of an answered request, or of nobody here. */
const OTHERS = { ...POSTED, prompt: 'a plate' };

/** An entry of fal's list; in short, its id, with the very input of the lost request. */
type Listed = string | (Partial<SeenEntry> & { readonly requestId: string });

interface Case {
  readonly nowMs: number;
  /** What fal's list answers; `away`: an error. */
  readonly list?: readonly Listed[] | 'away';
  /** Whether it shows one answered request of ours, that ended just now; default: it does. */
  readonly hasControl?: boolean;
  /** What that one POSTed, and how the list shows it. */
  readonly control?: {
    readonly posted?: Partial<typeof POSTED>;
    readonly shown?: unknown;
    readonly key?: string;
  };
  /** The mark of the key that sent the lost one. */
  readonly key?: string;
  readonly falAheadMs?: number;
  /** When the list was read; default: now. */
  readonly begunAtMs?: number;
  readonly hasLaterRivals?: boolean;
  /** Ids that other requests have. */
  readonly taken?: readonly string[];
  /** Ids that another request has by the store, and by what. */
  readonly owners?: Readonly<Record<string, 'answered' | 'found' | 'decided'>>;
  readonly theirIntentAtMs?: number;
  /** What the store says of our round. */
  readonly has?: string;
  readonly syncMode?: boolean;
  readonly hasIntent?: boolean;
}

/** Looks once for a lost submit; what came of it, and every step that was taken. */
async function look({
  nowMs,
  list = [],
  hasControl = true,
  control = {},
  key = KEY,
  falAheadMs = 0,
  begunAtMs = nowMs,
  hasLaterRivals = false,
  taken = [],
  owners = {},
  theirIntentAtMs = INTENT_AT_MS,
  has,
  syncMode = false,
  hasIntent = true,
}: Case) {
  await using folder = await tempFolder();
  await using store = await openFolderStore({ folder: folder.path });
  const journal = new Journal({ store });
  const value = { nonce: 'n', at: INTENT_AT_MS, reserved: 20_000, day: '2026-11-24', indices: [0], key };
  if (hasIntent) await journal.writeIntent({ ...NAME, round: 0, ...value });
  const theirs = { ...NAME, row: 1, round: 0, at: theirIntentAtMs };
  await journal.writeIntent({ ...theirs, ...value, at: theirIntentAtMs });
  for (const [requestId, how] of Object.entries(owners)) await journal.takeId({ ...theirs, requestId, how });
  const answered = { ...NAME, row: 2, round: 0, at: INTENT_AT_MS };
  await journal.writeIntent({ ...answered, ...value, key: control.key ?? KEY });
  await journal.takeId({ ...answered, requestId: 'control', how: 'answered' });
  const ours = { ...NAME, round: 0, at: INTENT_AT_MS };
  if (has === 'closed') await journal.closeRound(ours);
  else if (has !== undefined) await journal.takeId({ ...ours, requestId: has });
  const steps: string[] = [];
  const resolve = createResolveUnknown({
    ...LIMITS,
    keyMark: KEY,
    house: houseThat(steps, taken, { ...OTHERS, ...control.posted }),
    undecided: {
      note: async (_, __, why) => {
        if (why !== undefined) steps.push(JSON.stringify(why));
      },
    },
    records: {
      hasLaterRivals: async () => hasLaterRivals,
      noteProof: async (_, provenAtMs) => {
        steps.push(`proof ${provenAtMs}`);
      },
    },
    journal,
    readings: readingsThat(
      list === 'away'
        ? list
        : [
            ...(hasControl
              ? [{ requestId: 'control', sentAtMs: nowMs, shown: control.shown ?? OTHERS }]
              : []),
            ...list,
          ],
      { falAheadMs, begunAtMs },
    ),
    clock: () => nowMs,
    log: silentLogger,
  });
  try {
    const found = await resolve(RECORD, workOf(syncMode), new AbortController().signal);
    return { found, steps, later: undefined };
  } catch (error) {
    if (!(error instanceof Later)) throw error;
    return { found: undefined, steps, later: error.delayMs };
  }
}

describe('a submit whose answer was lost', () => {
  it('is adopted where the list shows it', async () => {
    const { found, steps } = await look({ nowMs: INTENT_AT_MS + 2_000, list: ['mine'] });
    expect({ found, steps }).toEqual({ found: 'mine', steps: ['accept mine'] });
  });

  it('is looked for again, sooner at first, while the list does not show it and the time is not up', async () => {
    const early = await look({ nowMs: INTENT_AT_MS + 500 });
    const late = await look({ nowMs: INTENT_AT_MS + 100_000 });
    expect([early.steps, late.steps]).toEqual([[], []]);
    expect(early.later).toBe(1_000);
    expect(late.later).toBeGreaterThan(early.later ?? Number.NaN);
  });

  it('is absent only when the list was asked after the time is up, to the millisecond', async () => {
    const atTheTime = await look({ nowMs: PROVEN_MS });
    expect(atTheTime).toMatchObject({ steps: [], later: 200 });
    const after = await look({ nowMs: PROVEN_MS + 1 });
    expect(after.steps).toEqual(['absent', 'give generate']);
  });

  it('is never absent while the list cannot be read', async () => {
    const { steps, later } = await look({ nowMs: PROVEN_MS + 10_000_000, list: 'away' });
    expect(steps).toEqual([]);
    expect(later).toBe(60_000);
  });

  it('takes no id that another request has', async () => {
    const { found, steps } = await look({
      nowMs: INTENT_AT_MS + 2_000,
      list: ['theirs', 'mine'],
      taken: ['theirs'],
    });
    expect({ found, steps }).toEqual({ found: 'mine', steps: ['taken theirs', 'accept mine'] });
  });

  it('is absent where after the time every entry is somebody else’s by the store', async () => {
    const { steps } = await look({ nowMs: PROVEN_MS + 1, list: ['theirs'], owners: { theirs: 'answered' } });
    expect(steps).toEqual(['absent', 'give generate']);
  });

  it('is not absent while an entry is another’s in Redis alone, who may have to give it back', async () => {
    const { steps, later } = await look({ nowMs: PROVEN_MS + 1, list: ['theirs'], taken: ['theirs'] });
    expect(steps).toEqual(['taken theirs']);
    expect(later).toBe(1_000);
  });

  it('is not absent while one who found an entry of our time may have an own one that is not listed yet', async () => {
    const foundAtMs = INTENT_AT_MS + 60_000;
    const owners = { theirs: 'found' } as const;
    const early = await look({
      nowMs: PROVEN_MS + 60_000,
      list: ['theirs'],
      owners,
      theirIntentAtMs: foundAtMs,
    });
    // A person who asks is told so.
    expect(early.steps).toEqual([`proof ${PROVEN_MS + 60_000}`]);
    expect(early.later).toBe(200);
    const late = await look({
      nowMs: PROVEN_MS + 60_001,
      list: ['theirs'],
      owners,
      theirIntentAtMs: foundAtMs,
    });
    expect(late.steps).toEqual(['absent', 'give generate']);
  });

  it('has the id that a run of before a rebuild wrote down for it, whatever the list shows', async () => {
    const { found, steps } = await look({ nowMs: INTENT_AT_MS, list: ['other'], has: 'written' });
    expect({ found, steps }).toEqual({ found: 'written', steps: ['accept written'] });
    const waits = await look({ nowMs: PROVEN_MS + 1, list: ['other'], has: 'written', taken: ['written'] });
    expect(waits).toMatchObject({ found: undefined, steps: ['taken written'], later: 1_000 });
  });

  it('that fal refused, as a superseded run heard, is planned again at once', async () => {
    const { steps } = await look({ nowMs: INTENT_AT_MS, list: ['whose'], has: 'closed' });
    expect(steps).toEqual(['absent', 'give generate']);
  });

  it('waits while a later request with the same input is not decided: the entry may be that one’s', async () => {
    const waiting = await look({ nowMs: INTENT_AT_MS + 2_000, list: ['whose'], hasLaterRivals: true });
    expect(waiting.steps).toEqual([]);
    expect(waiting.later).toBe(1_000);
    const proof = await look({ nowMs: PROVEN_MS + 1, list: ['whose'], hasLaterRivals: true });
    expect(proof.found).toBe('whose');
  });

  it('of sync_mode is left to a person, since the list never shows it', async () => {
    const { steps, later } = await look({ nowMs: PROVEN_MS + 1, syncMode: true });
    expect({ steps, later }).toEqual({ steps: [], later: 600_000 });
  });

  it('that has no intent was never sent', async () => {
    const { steps } = await look({ nowMs: INTENT_AT_MS, hasIntent: false });
    expect(steps).toEqual(['absent', 'give generate']);
  });
});

describe('a submit whose answer was lost and whose time is past', () => {
  const PAST = { nowMs: PROVEN_MS + 10_000 } as const;

  it.each([
    ['hides the input', null],
    ['cuts the prompt', { ...POSTED, prompt: 'a c…' }],
    ['fills in what nobody asked for', { ...POSTED, background: 'opaque' }],
  ])(
    'is not absent while the list shows an entry of its time and %s; a user is told which',
    async (_, shown) => {
      const { steps, later } = await look({ ...PAST, list: [{ requestId: 'whose', shown }] });
      expect(steps).toEqual([JSON.stringify({ why: 'unclear', ids: ['whose'], count: 1 })]);
      expect(later).toBe(60_000);
    },
  );

  it('is adopted where fal filled its own defaults in, and where it fills the same into an answered one', async () => {
    const defaults = { ...POSTED, background: 'auto', sync_mode: false, image_size: 'auto' };
    const filled = await look({ ...PAST, list: [{ requestId: 'mine', shown: defaults }] });
    expect(filled.found).toBe('mine');
    const shown = { ...POSTED, background: 'opaque' };
    const control = { shown: { ...OTHERS, background: 'opaque' } };
    const alike = await look({ ...PAST, control, list: [{ requestId: 'mine', shown }] });
    expect(alike.found).toBe('mine');
  });

  it('takes no entry that was sent before its time, or after it', async () => {
    for (const sentAtMs of [INTENT_AT_MS - 60_001, INTENT_AT_MS + 90_001]) {
      const { steps } = await look({ ...PAST, list: [{ requestId: 'whose', sentAtMs }] });
      expect(steps).toEqual(['absent', 'give generate']);
    }
    const { found } = await look({ ...PAST, list: [{ requestId: 'mine', sentAtMs: INTENT_AT_MS + 90_000 }] });
    expect(found).toBe('mine');
  });

  it('takes the entry of one who found its own, in that one’s time', async () => {
    const theirIntentAtMs = INTENT_AT_MS + 80_000;
    const list = [
      { requestId: 'theirs', sentAtMs: INTENT_AT_MS + 70_000 },
      { requestId: 'left', sentAtMs: theirIntentAtMs + 30_000 },
    ];
    const found = await look({ ...PAST, list, owners: { theirs: 'found' }, theirIntentAtMs });
    expect(found.found).toBe('left');
    const decided = await look({ ...PAST, list, owners: { theirs: 'decided' }, theirIntentAtMs });
    expect(decided.steps).toEqual(['absent', 'give generate']);
  });

  it.each<[string, Omit<Case, 'nowMs'>, string]>([
    ['shows nothing', { hasControl: false }, 'fresh'],
    ['shows nothing that happened after the time, by fal’s clock', { falAheadMs: 10_001 }, 'fresh'],
    [
      'shows only what is not known here',
      { hasControl: false, list: [{ requestId: 'x', shown: OTHERS, sentAtMs: PAST.nowMs }] },
      'whole',
    ],
    ['shows what another key sent', { control: { key: 'another' } }, 'whole'],
  ])('is not absent while the list %s', async (_, more, why) => {
    const { steps } = await look({ ...PAST, ...more });
    expect(steps).toEqual([JSON.stringify({ why })]);
  });

  it('is not absent by a list that was read before the time', async () => {
    const { steps, later } = await look({ ...PAST, begunAtMs: PROVEN_MS });
    expect({ steps, later: later !== undefined }).toEqual({ steps: [], later: true });
  });

  it('is not absent by the list of another key than the one that sent it', async () => {
    const { steps } = await look({ ...PAST, key: 'another', control: { key: KEY } });
    expect(steps).toEqual([JSON.stringify({ why: 'key' })]);
  });

  it('is not absent by an entry of another input, unless an answered one shows that the list tells them apart', async () => {
    const list = [{ requestId: 'x', shown: { ...POSTED, prompt: 'a bowl' } }];
    const missing = [JSON.stringify({ why: 'faithful', promptLength: 5 })];
    // As POSTed, with a prompt that is long enough.
    expect((await look({ ...PAST, list })).steps).toEqual(['absent', 'give generate']);
    // Its own input is shown otherwise than it was POSTed.
    const changed = { shown: { ...OTHERS, prompt: 'a pl…' } };
    expect((await look({ ...PAST, list, control: changed })).steps).toEqual(missing);
    // Its prompt is shorter, and may be shown in full where ours is not.
    const short = { posted: { prompt: 'cup' }, shown: { ...OTHERS, prompt: 'cup' } };
    expect((await look({ ...PAST, list, control: short })).steps).toEqual(missing);
  });
});

const RECORD: RequestRecord = {
  request: 'b.0.0',
  name: NAME,
  state: 'unknown',
  epoch: 1,
  round: 0,
  reserved: 20_000,
  requestId: undefined,
  intentAtMs: INTENT_AT_MS,
  attempts: 0,
  renderStarts: 0,
  booked: undefined,
  failure: undefined,
  withdrawal: undefined,
  provenAtMs: undefined,
  undecided: undefined,
  waitsForProof: false,
};

function workOf(syncMode: boolean, posted = POSTED): Work {
  const planned = { part: 0, indices: [0], kind: 'pay', maxMicroUsd: 20_000, minMicroUsd: 20_000 } as const;
  const row = {
    row: 0,
    shot: 'shot',
    shotKey: '0'.repeat(32),
    model: 'fal-ai/gpt-image-1-mini',
    prompt: posted.prompt,
    input: { quality: posted.quality, ...(syncMode ? { sync_mode: true } : {}) },
    recipe: 'original',
    variants: 1,
    columns: {},
  };
  return {
    name: NAME,
    planned: { ...planned, indices: [0] },
    row: { ...row, requests: [] },
    model: defaultRegistry().get('fal-ai/gpt-image-1-mini'),
  };
}

function houseThat(steps: string[], taken: readonly string[], answered: typeof POSTED): House {
  const ok: Outcome = { code: 'ok', round: 1, ended: false, woken: [] };
  return {
    async step(name, { takeId }) {
      if (takeId !== undefined && taken.includes(takeId)) {
        steps.push(`taken ${takeId}`);
        return { code: 'taken' };
      }
      steps.push(takeId === undefined ? name : `${name} ${takeId}`);
      return ok;
    },
    async give(queue) {
      steps.push(`give ${queue}`);
    },
    work: async () => workOf(false, answered),
    workOrFail: () => Promise.reject(new Error('not asked')),
    stop: () => Promise.reject(new Error('not asked')),
    stopEndpoint: () => Promise.reject(new Error('not asked')),
    fail: () => Promise.reject(new Error('not asked')),
  };
}

function readingsThat(
  list: readonly Listed[] | 'away',
  { falAheadMs, begunAtMs }: { readonly falAheadMs: number; readonly begunAtMs: number },
): Readings {
  return {
    async read() {
      if (list === 'away') {
        throw new FalError({
          call: 'list',
          kind: 'http',
          status: 500,
          type: undefined,
          detail: '',
          retryAfterMs: undefined,
          neverStarted: false,
          billableUnits: undefined,
        });
      }
      const entries = list.map((one): SeenEntry => {
        const entry = typeof one === 'string' ? { requestId: one } : one;
        const sentAtMs = entry.sentAtMs ?? INTENT_AT_MS;
        return { sentAtMs, lastAtMs: sentAtMs, shown: POSTED, ...entry };
      });
      entries.sort((one, other) => one.sentAtMs - other.sentAtMs);
      return { entries, begunAtMs, falAheadMs };
    },
    close: () => undefined,
  };
}
