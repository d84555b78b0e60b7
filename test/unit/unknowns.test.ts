import { describe, expect, it } from '@jest/globals';
import { openFolderStore } from '../../src/local/folder-store.ts';
import { Journal } from '../../src/shared/journal.ts';
import { silentLogger } from '../../src/shared/log.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import type { Outcome } from '../../src/shared/records/outcome.ts';
import type { RequestRecord } from '../../src/shared/records/record.ts';
import { provenFrom } from '../../src/worker/generate/absence.ts';
import { FalError } from '../../src/worker/generate/fal-error.ts';
import type { FalPlatform, HistoryEntry } from '../../src/worker/generate/fal-platform.ts';
import { createResolveUnknown } from '../../src/worker/generate/unknowns.ts';
import type { House, Work } from '../../src/worker/house.ts';
import { Later } from '../../src/worker/later.ts';
import { tempFolder } from '../support/temp-folder.ts';

const NAME = { batch: 'b', row: 0, part: 0 };
const INTENT_AT_MS = 1_000_000;
const LIMITS = { postWindowMs: 30_000, startTimeoutS: 600, unknownMarginS: 300 };
const PROVEN_MS = provenFrom(INTENT_AT_MS, LIMITS);

interface Case {
  readonly nowMs: number;
  /** What fal's list answers; `away`: an error. */
  readonly list?: readonly string[] | 'away';
  readonly hasLaterRivals?: boolean;
  /** Ids that other requests have. */
  readonly taken?: readonly string[];
  /** Ids that another request has by the store, and by what. */
  readonly owners?: Readonly<Record<string, 'answered' | 'found'>>;
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
  const value = { nonce: 'n', at: INTENT_AT_MS, reserved: 20_000, day: '2026-11-24', indices: [0] };
  if (hasIntent) await journal.writeIntent({ ...NAME, round: 0, ...value });
  const theirs = { ...NAME, row: 1, round: 0, at: theirIntentAtMs };
  await journal.writeIntent({ ...theirs, ...value, at: theirIntentAtMs });
  for (const [requestId, how] of Object.entries(owners)) await journal.takeId({ ...theirs, requestId, how });
  const ours = { ...NAME, round: 0, at: INTENT_AT_MS };
  if (has === 'closed') await journal.closeRound(ours);
  else if (has !== undefined) await journal.takeId({ ...ours, requestId: has });
  const steps: string[] = [];
  const resolve = createResolveUnknown({
    ...LIMITS,
    house: houseThat(steps, taken),
    records: {
      hasLaterRivals: async () => hasLaterRivals,
      noteProof: async (_, provenAtMs) => {
        steps.push(`proof ${provenAtMs}`);
      },
    },
    journal,
    platform: platformThat(list),
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
    expect(early.later).toBeGreaterThan(0);
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
    expect(waiting.later).toBeGreaterThan(0);
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
  waitsForProof: false,
};

function workOf(syncMode: boolean): Work {
  const planned = { part: 0, indices: [0], kind: 'pay', maxMicroUsd: 20_000, minMicroUsd: 20_000 } as const;
  const row = {
    row: 0,
    shot: 'shot',
    shotKey: '0'.repeat(32),
    model: 'fal-ai/gpt-image-1-mini',
    prompt: 'a cup',
    input: { quality: 'medium', ...(syncMode ? { sync_mode: true } : {}) },
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

function houseThat(steps: string[], taken: readonly string[]): House {
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
    work: () => Promise.reject(new Error('not asked')),
    stop: () => Promise.reject(new Error('not asked')),
    stopEndpoint: () => Promise.reject(new Error('not asked')),
    fail: () => Promise.reject(new Error('not asked')),
  };
}

function platformThat(list: readonly string[] | 'away'): FalPlatform {
  return {
    async findByInput() {
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
      return list.map(
        (requestId): HistoryEntry => ({
          requestId,
          sentAtMs: INTENT_AT_MS,
          statusCode: 200,
          output: undefined,
        }),
      );
    },
    findById: () => Promise.reject(new Error('not asked')),
    unitPriceUsd: () => Promise.reject(new Error('not asked')),
  };
}
