import { describe, expect, it } from '@jest/globals';
import { FalError } from '../../../../src/shared/fal/errors.ts';
import { createFalQueue, type FalQueue } from '../../../../src/shared/fal/queue.ts';

const PATHS = [
  '../../../v1/models/pricing?x#',
  '..',
  'a/b',
  'a?b',
  'a#b',
  'a%2fb',
  '',
  'a\nb',
  'x'.repeat(129),
];

/** A queue that answers every call with this id, and the addresses that it was asked at. */
function queueOf(requestId: string): { readonly queue: FalQueue; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const queue = createFalQueue({
    key: 'some-key',
    queueUrl: 'https://queue.fal.run',
    timeoutMs: 1_000,
    http: async ({ url }) => {
      asked.push(url);
      const text = JSON.stringify({ request_id: requestId, status: 'IN_QUEUE', images: [] });
      return { status: 200, text, billableUnits: undefined, dateMs: undefined };
    },
  });
  return { queue, asked };
}

describe("fal's id of a request", () => {
  it.each(PATHS)('is not taken from an answer to a POST as %j', async (id) => {
    const { queue } = queueOf(id);
    const submit = queue.submit(
      'fal-ai/any',
      { prompt: 'p' },
      { startTimeoutS: 600, notAfterMs: Date.now() },
    );
    await expect(submit).rejects.toMatchObject({ fault: { kind: 'garbled' } });
  });

  it.each(PATHS)('never becomes a path as %j, wherever it was kept', async (id) => {
    const { queue, asked } = queueOf('r-1');
    const calls = [
      queue.status('fal-ai/any', id, { logs: 'without-logs' }),
      queue.result('fal-ai/any', id),
      queue.cancel('fal-ai/any', id),
    ];
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(FalError);
    expect(asked).toEqual([]);
  });

  it('is asked for as it is otherwise', async () => {
    const { queue, asked } = queueOf('r-1');
    await queue.result('fal-ai/any', '764cabcf-b745-4b3e-ae38-1200304cf45b');
    expect(asked).toEqual(['https://queue.fal.run/fal-ai/any/requests/764cabcf-b745-4b3e-ae38-1200304cf45b']);
  });
});
