import { describe, expect, it } from '@jest/globals';
import type { BatchView } from '../../../../src/shared/requests/batches.ts';
import type { State } from '../../../../src/shared/requests/states.ts';
import { forecastOf } from '../../../../src/shared/status/forecast.ts';
import { batchView } from '../../../support/batch-view.ts';

/** Of a hundred shots, at two cents each. */
function view(counts: Partial<Record<State, number>>, more: Partial<BatchView> = {}): BatchView {
  return batchView(counts, {
    shots: 100,
    images: 100,
    requests: 100,
    minMicroUsd: 1_000_000,
    maxMicroUsd: 2_000_000,
    naiveMicroUsd: 2_000_000,
    ...more,
  });
}

describe('the forecast of a batch', () => {
  it('is the estimate while nothing is booked', () => {
    expect(forecastOf(view({ planned: 100 }), 1_000)).toEqual({
      projectedMicroUsd: 2_000_000,
      restMicroUsd: 2_000_000,
      measured: undefined,
      imagesPerMinute: undefined,
      etaSeconds: undefined,
      waitingSeconds: undefined,
    });
  });

  it('goes by what the booked requests cost beside their estimate', () => {
    const half = { spent: 100_000, booked: { requests: 10, estimate: 200_000 }, imagesPaid: 10 };
    const { projectedMicroUsd, restMicroUsd, measured } = forecastOf(
      view({ planned: 90, delivered: 10 }, half),
      60_000,
    );
    expect({ projectedMicroUsd, restMicroUsd }).toEqual({
      projectedMicroUsd: 1_000_000,
      restMicroUsd: 900_000,
    });
    expect(measured).toEqual({ requests: 10, costRatio: 0.5 });
  });

  it('is what was spent once all has ended', () => {
    const all = { spent: 900_000, booked: { requests: 98, estimate: 1_960_000 } };
    expect(forecastOf(view({ delivered: 98, failed: 2 }, all), 1_000)).toMatchObject({
      projectedMicroUsd: 900_000,
      restMicroUsd: 0,
    });
  });

  it('does not count on what failed at no cost', () => {
    const failed = { spent: 1_000_000, booked: { requests: 50, estimate: 1_000_000 } };
    expect(forecastOf(view({ delivered: 50, failed: 25, planned: 25 }, failed), 1_000)).toMatchObject({
      restMicroUsd: 500_000,
    });
  });

  it('tells time apart for what runs and what waits for the proof, and leaves out the waiting itself', () => {
    const sample = { proof: 'open', imagesPaid: 10, lastEndAtMs: 60_000 } as const;
    const running = forecastOf(view({ held: 90, submitted: 2, delivered: 8 }, sample), 80_000);
    expect(running).toMatchObject({ etaSeconds: 20, waitingSeconds: 900 });
    // A night later.
    const held = forecastOf(view({ held: 90, delivered: 10 }, sample), 36_000_000);
    expect(held).toMatchObject({ imagesPerMinute: 10, etaSeconds: 0, waitingSeconds: 540 });
    const approved = { ...sample, proof: 'approved', idleMs: 36_000_000, imagesPaid: 20 } as const;
    const after = forecastOf(view({ planned: 80, delivered: 20 }, approved), 36_120_000);
    expect(after).toMatchObject({ imagesPerMinute: 10, etaSeconds: 480, waitingSeconds: 0 });
  });
});
