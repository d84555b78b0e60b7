import { describe, expect, it } from '@jest/globals';
import {
  heldBackBy,
  type Surroundings,
  stillStruckOff,
  waitsForPictures,
} from '../../../../src/shared/status/bottleneck.ts';
import type { BatchStatus } from '../../../../src/shared/status/status.ts';

const NONE = {
  planned: 0,
  submitting: 0,
  submitted: 0,
  generated: 0,
  rendering: 0,
  delivered: 0,
  failed: 0,
  held: 0,
  unknown: 0,
  cancelled: 0,
};

function status(counts: Partial<BatchStatus['counts']>, more: Partial<BatchStatus> = {}): BatchStatus {
  return {
    batch: 'cups',
    state: 'running',
    counts: { ...NONE, ...counts },
    money: { capUsd: null, reservedUsd: 0, spentUsd: 0, estimateUsd: 1 },
    etaSeconds: null,
    heldReason: null,
    waitingFor: [],
    ...more,
  };
}

const ALL_ROLES = new Map([
  ['generate', 1],
  ['collect', 1],
  ['render', 2],
]);

function around(more: Partial<Surroundings> = {}): Surroundings {
  return { workers: ALL_ROLES, active: 1, waiting: 5, concurrency: 8, rateLimited: false, ...more };
}

const without = (role: string) => new Map([...ALL_ROLES].filter(([name]) => name !== role));

describe('what holds a batch back', () => {
  it.each<[string, BatchStatus, Surroundings, string | undefined]>([
    [
      'no worker at all',
      status({ planned: 5 }),
      around({ workers: new Map(), active: 8 }),
      'no worker is running; start one with: shotlist worker (or run the list again)',
    ],
    [
      'no worker that submits',
      status({ planned: 5 }),
      around({ workers: without('generate') }),
      'no worker of role generate is running; start one with: shotlist worker --roles generate',
    ],
    [
      'no worker that collects what is at fal',
      status({ submitted: 5 }),
      around({ workers: without('collect') }),
      'no worker of role collect is running; start one with: shotlist worker --roles collect',
    ],
    [
      'no worker that renders',
      status({ planned: 5, generated: 1 }),
      around({ workers: without('render') }),
      'no worker of role render is running; start one with: shotlist worker --roles render',
    ],
    [
      'a worker that is not needed any more',
      status({ rendering: 1 }),
      around({ workers: without('generate') }),
      undefined,
    ],
    ['the slots', status({ planned: 5 }), around({ active: 8 }), 'all 8 slots are in use (FAL_CONCURRENCY)'],
    [
      'the one slot',
      status({ planned: 5 }),
      around({ active: 1, concurrency: 1 }),
      'the one slot is in use (FAL_CONCURRENCY)',
    ],
    [
      'the rate of submits',
      status({ planned: 5 }),
      around({ rateLimited: true }),
      'the rate of submits (FAL_SUBMIT_RATE, or fal asked for less)',
    ],
    [
      'a cap or a claim',
      status({ planned: 5, submitted: 1 }),
      around({ active: 0, waiting: 0 }),
      'its requests wait for room on a cap, or for a picture that another batch is making',
    ],
    ['nothing but the work', status({ planned: 5 }), around(), undefined],
    ['nothing, at the end of a list', status({ submitted: 2, unknown: 1 }), around({ active: 8 }), undefined],
    [
      'lost answers',
      status({ unknown: 2, delivered: 7 }),
      around(),
      "fal's answer to 2 was lost and is being looked for; see shotlist unknown list cups",
    ],
    [
      'a person',
      status({ planned: 5 }, { state: 'paused' }),
      around({ workers: new Map() }),
      'paused by a person; go on with: shotlist resume cups',
    ],
    [
      'a cap, a stop or a proof, in its own words',
      status({ held: 5 }, { state: 'held', heldReason: 'the batch cap of $1.00' }),
      around({ workers: new Map() }),
      'the batch cap of $1.00',
    ],
    [
      'nothing, once it is done',
      status({ delivered: 5 }, { state: 'done' }),
      around({ workers: new Map() }),
      undefined,
    ],
  ])('is %s', (_name, of, surroundings, expected) => {
    expect(heldBackBy(of, surroundings)).toBe(expected);
  });
});

describe('what keeps a cancelled batch from its end', () => {
  it('is what was dropped and still has to be struck off, and whoever is missing for it', () => {
    expect(stillStruckOff(0, new Map())).toBeUndefined();
    expect(stillStruckOff(1_200, new Map([['collect', 1]]))).toBe(
      '1,200 dropped requests that are still to be struck off',
    );
    expect(stillStruckOff(1_200, new Map([['generate', 1]]))).toContain(
      'no worker of role collect is running',
    );
  });
});

describe('paid pictures that cannot be had', () => {
  it.each([
    [undefined, undefined],
    [{ pictures: 1, why: 'x' }, '1 paid picture cannot be had yet and is asked for again, at no cost: x'],
    [
      { pictures: 1_200, why: 'x' },
      '1,200 paid pictures cannot be had yet and are asked for again, at no cost: x',
    ],
  ])('%o are told', (missing, expected) => {
    expect(waitsForPictures(missing)).toBe(expected);
  });
});
