import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { blockOf, lineOf, openProgress } from '../../../../src/cli/output/progress.ts';
import type { Snapshot } from '../../../../src/shared/status/snapshot.ts';

function picture(more: Partial<Snapshot['status']> = {}, heldBack?: string): Snapshot {
  return {
    status: {
      batch: 'cups',
      state: 'running',
      counts: {
        planned: 1_200,
        submitting: 1,
        submitted: 7,
        generated: 0,
        rendering: 2,
        delivered: 790,
        failed: 0,
        held: 0,
        unknown: 0,
        cancelled: 0,
      },
      money: { capUsd: null, reservedUsd: 0.14, spentUsd: 15.8, estimateUsd: 40 },
      etaSeconds: 1_800,
      heldReason: null,
      waitingFor: [],
      ...more,
    },
    forecast: {
      projectedMicroUsd: 40_000_000,
      restMicroUsd: 24_200_000,
      measured: { requests: 790, costRatio: 1 },
      imagesPerMinute: 40.26,
      etaSeconds: 1_800,
      waitingSeconds: undefined,
    },
    heldBack,
    toStrikeOff: 0,
  };
}

/** What it writes to a stream that is, or is not, a terminal. */
async function written(isTTY: boolean, shown: readonly { atMs: number; picture: Snapshot }[]) {
  const stream = new PassThrough();
  const said = text(stream);
  let now = 0;
  const progress = await openProgress({
    // It writes, and asks whether it is a terminal and how wide.
    stderr: Object.assign(stream, { isTTY, columns: 100, rows: 30 }) as unknown as NodeJS.WriteStream,
    clock: () => now,
  });
  for (const { atMs, picture: one } of shown) {
    now = atMs;
    progress.show(one);
  }
  progress.end();
  stream.end();
  return await said;
}

describe('the progress of a batch', () => {
  it('is one line a state that has something, then money, pace and what holds it back', () => {
    expect(blockOf(picture({}, 'all 8 slots are in use (FAL_CONCURRENCY)'))).toBe(
      [
        'cups: running',
        '███████████░░░░░░░░░░░░░░░░░░░ 39 % | 790/2,000 requests',
        '  planned    1,200  waiting for a slot at fal',
        '  submitting     1  being sent to fal',
        '  submitted      7  at fal',
        '  rendering      2  being rendered',
        '  delivered    790  done',
        '$15.80 spent of $40.00 projected | 40.3 images/min | 30 min left',
        'held back by: all 8 slots are in use (FAL_CONCURRENCY)',
      ].join('\n'),
    );
  });

  it('is a single line in a log', () => {
    expect(lineOf(picture({}, 'no worker is running; start one with: shotlist worker'))).toBe(
      '790/2000 requests | 1200 planned | 1 submitting | 7 submitted | 2 rendering | $15.80 spent of $40.00 projected | 40.3 images/min | 30 min left | held back by: no worker is running; start one with: shotlist worker',
    );
  });

  it('says nothing of a batch that Redis has forgotten but what it came to', () => {
    const { status } = picture({ state: 'done', etaSeconds: 0 });
    const counts = {
      ...status.counts,
      planned: 0,
      submitting: 0,
      submitted: 0,
      rendering: 0,
      delivered: 790,
    };
    expect(
      lineOf({ status: { ...status, counts }, forecast: undefined, heldBack: undefined, toStrikeOff: 0 }),
    ).toBe('790/790 requests | $15.80 spent | done');
  });

  it('says a change at most every two seconds elsewhere than on a terminal, and the same thing once', async () => {
    const other = picture({ etaSeconds: 1_500 });
    const said = await written(false, [
      { atMs: 0, picture: picture() },
      { atMs: 500, picture: other },
      { atMs: 2_500, picture: other },
      { atMs: 9_000, picture: other },
    ]);
    expect(said.split('\n')).toEqual([lineOf(picture()), lineOf(other), '']);
  });

  it('is drawn over on a terminal, leaves its last state and gives the cursor back', async () => {
    const other = picture({ state: 'paused' });
    const said = await written(true, [
      { atMs: 0, picture: picture() },
      { atMs: 10, picture: other },
    ]);
    expect(said).toContain('cups: running');
    expect(said).toContain('paused');
    // Up over the block, instead of below it.
    expect(said).toContain('\u001B[');
    expect(said.match(/waiting for a slot at fal/g)?.length).toBeLessThanOrEqual(2);
  });
});
