import { describe, expect, it } from '@jest/globals';
import { endSentence } from '../../../../src/cli/output/end.ts';
import type { BatchStatus } from '../../../../src/shared/status/status.ts';

const none = { planned: 0, submitting: 0, submitted: 0, generated: 0, rendering: 0, held: 0, unknown: 0 };

function statusOf(more: Partial<BatchStatus>): BatchStatus {
  return {
    batch: 'spring',
    state: 'done',
    counts: { ...none, delivered: 2, failed: 3, cancelled: 0 },
    money: { capUsd: null, reservedUsd: 0, spentUsd: 0.1, estimateUsd: 0.1 },
    etaSeconds: 0,
    heldReason: null,
    waitingFor: [],
    ...more,
  };
}

describe('the last line of a command', () => {
  it("counts what was made again and delivered as the batch's own", () => {
    const again = { requests: 3, delivered: 2, failed: 1, open: 0, batches: [] };
    expect(endSentence(statusOf({}), 'some-failed')).toBe('spring is done: 2 requests delivered, 3 failed.');
    expect(endSentence(statusOf({}), 'some-failed', again)).toBe(
      'spring is done: 4 requests delivered (2 of them made again), 1 failed.',
    );
    expect(endSentence(statusOf({}), 'all-delivered', { ...again, delivered: 3, failed: 0 })).toBe(
      'spring is done: 5 requests delivered (3 of them made again).',
    );
  });

  it('names the batch that makes pictures again where it is that one that waits for a person', () => {
    const held = statusOf({
      batch: 'spring.again1',
      state: 'held',
      heldReason: 'the day cap leaves no room',
    });
    const again = { requests: 3, delivered: 0, failed: 0, open: 3, batches: [held] };
    expect(endSentence(statusOf({}), 'held', again)).toBe(
      'spring.again1 is held: the day cap leaves no room',
    );
  });
});
