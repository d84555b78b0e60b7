import type { FalSimulator } from '../../src/local/fal/simulator.ts';
import type { Wanted } from './invariants.ts';
import type { List } from './spec.ts';

/** A list of few rows that goes every way of the protocol once, and the faults that send it there. */
export const POINTS_LIST = {
  batch: 'points',
  rows: [
    { id: 'plain', prompt: 'a plain mug', recipe: 'catalog' },
    // Two requests of equal input.
    { id: 'parts', prompt: 'a set of bowls', variants: '8' },
    { id: 'twin-of-lost', prompt: 'a vase' },
    { id: 'lost', prompt: 'a vase' },
    { id: 'absent', prompt: 'a jug' },
    { id: 'rerun', prompt: 'a kettle' },
    { id: 'slow', prompt: 'a teapot' },
    { id: 'stopped', prompt: 'a tray' },
    { id: 'refused', prompt: 'a bloody knife' },
    { id: 'corrupt', prompt: 'a broken plate', recipe: 'catalog' },
    { id: 'damaged', prompt: 'a cracked bowl', recipe: 'catalog' },
    { id: 'away', prompt: 'a far pot' },
    { id: 'invalid', prompt: 'a cup that fal refuses' },
  ],
} as const satisfies List;

export const POINTS_WANTED: Wanted = {
  batch: POINTS_LIST.batch,
  rows: POINTS_LIST.rows,
  ends: new Map([
    ['refused', 'content_policy_violation'],
    ['corrupt', 'media_unreachable'],
    ['invalid', 'missing'],
  ]),
};

/** Each once, but for the poison. */
export function addPointsFaults({ faults }: FalSimulator): void {
  const isOf = (prompt: string) => (request: { input: Readonly<Record<string, unknown>> | undefined }) =>
    request.input?.['prompt'] === prompt;
  faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1, when: isOf('a vase') });
  faults.add({ on: 'submit', kind: 'reset', times: 1, when: isOf('a jug') });
  faults.add({ on: 'submit', kind: 'rate-limited', retryAfterS: 0.3, times: 1, when: isOf('a teapot') });
  // All submits stop until a person resumes, which the harness does.
  faults.add({ on: 'submit', kind: 'unauthorized', times: 1, when: isOf('a tray') });
  faults.add({ on: 'submit', kind: 'invalid', when: isOf('a cup that fal refuses') });
  faults.add({ on: 'run', kind: 'internal_server_error', times: 1, when: isOf('a kettle') });
  faults.add({ on: 'media', kind: 'corrupt', when: isOf('a broken plate') });
  faults.add({ on: 'media', kind: 'undecodable', times: 1, when: isOf('a cracked bowl') });
  faults.add({ on: 'media', kind: 'status', status: 403, times: 1, when: isOf('a far pot') });
}

/** One request and nothing beside it, so that two deaths meet it both. */
export const PAIRS_LIST = {
  batch: 'pairs',
  rows: [{ id: 'only', prompt: 'a lone mug', recipe: 'catalog' }],
} as const satisfies List;

/** The second start of a render that never came to an end may be the picture's fault; then the third is the last. */
export const pairsWanted = (bothRendering: boolean): Wanted => ({
  batch: PAIRS_LIST.batch,
  rows: PAIRS_LIST.rows,
  ends: new Map([['only', bothRendering ? 'delivered|render_crashed' : 'delivered']]),
});
