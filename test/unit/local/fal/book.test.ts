import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import type { Result } from '../../../../src/shared/journal/objects.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import type { RequestRecord } from '../../../../src/shared/requests/record.ts';
import type { House, Work } from '../../../../src/shared/requests/steps.ts';
import { createBook } from '../../../../src/worker/collect/cost.ts';
import { aRow } from '../../../support/filled-store.ts';
import { mapStore } from '../../../support/map-store.ts';

const NAME = { batch: 'b', row: 0, part: 0 };
const RECORD = { request: 'b.0.0', name: NAME, state: 'submitted', epoch: 1, round: 0, reserved: 20_000 };
const RESULT = {
  ...NAME,
  round: 0,
  requestId: 'x',
  at: 1,
  day: '2026-11-24',
  source: 'billable-units',
  images: [],
};

/** What a worker does in Redis for a cost; `dies`: in the step that books. */
async function book(cost: number, how: 'well' | 'dies' = 'well'): Promise<readonly string[]> {
  const steps: string[] = [];
  const house: Pick<House, 'step' | 'stop'> = {
    async step(name) {
      steps.push(name);
      if (how === 'dies') throw new Error('killed');
      return { code: 'ok', round: 0, ended: false, woken: [] };
    },
    async stop({ code }) {
      steps.push(code);
    },
  };
  const row = { ...aRow(0, 'tee'), model: 'fal-ai/gpt-image-1-mini' };
  const run = createBook({
    // The parts of each that booking reads.
    house: house as House,
    journal: new Journal({ store: mapStore() }),
    simulated: false,
    log: silentLogger,
  });
  const work: Work = {
    name: NAME,
    row,
    planned: { part: 0, indices: [0], kind: 'pay', maxMicroUsd: 20_000, minMicroUsd: 20_000 },
    model: defaultRegistry().get(row.model),
  };
  await run(RECORD as RequestRecord, work, { ...RESULT, cost } as Result, AbortSignal.timeout(1_000)).catch(
    (error: unknown) => steps.push(String(error)),
  );
  return steps;
}

describe('a cost above what was reserved', () => {
  it('stops all submits before it is booked, so that who dies in between leaves nobody submitting', async () => {
    expect(await book(30_000)).toEqual(['price_changed', 'book']);
    expect(await book(30_000, 'dies')).toEqual(['price_changed', 'book', 'Error: killed']);
  });

  it('is told from one that was expected, which stops nothing', async () => {
    expect(await book(20_000)).toEqual(['book']);
  });
});
