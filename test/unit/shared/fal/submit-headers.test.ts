import { describe, expect, it } from '@jest/globals';
import { createFalQueue } from '../../../../src/shared/fal/queue.ts';

describe('a submit', () => {
  it('never asks fal to leave it out of its history, where a lost answer is looked for', async () => {
    const sent: Readonly<Record<string, string>>[] = [];
    const queue = createFalQueue({
      key: 'some-key',
      queueUrl: 'https://queue.fal.run',
      timeoutMs: 1_000,
      http: async ({ headers }) => {
        sent.push(headers);
        const text = JSON.stringify({ request_id: 'r-1' });
        return { status: 200, text, billableUnits: undefined, dateMs: undefined };
      },
    });
    await queue.submit('fal-ai/any', { prompt: 'a cup' }, { startTimeoutS: 600, notAfterMs: Date.now() });
    const names = sent.flatMap((headers) => Object.keys(headers).map((name) => name.toLowerCase()));
    expect(names).toContain('x-fal-request-timeout');
    for (const name of ['x-fal-store-io', 'x-fal-object-lifecycle-preference', 'x-fal-no-retry'])
      expect(names).not.toContain(name);
  });
});
