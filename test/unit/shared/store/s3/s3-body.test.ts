import { expect, it } from '@jest/globals';
import { readBody } from '../../../../../src/shared/store/s3/body.ts';

const limit = { maxBytes: 10, tooMany: () => new RangeError('too many') };
const never = () => new AbortController().signal;

/** So many chunks of 4 bytes; says how many were asked for. */
function body(chunks: number) {
  let asked = 0;
  return {
    asked: () => asked,
    async *[Symbol.asyncIterator]() {
      while (asked < chunks) {
        asked += 1;
        yield Buffer.from('abcd');
      }
    },
  };
}

it('reads a body that is as long as it may be', async () => {
  expect(String(await readBody(body(2), never(), limit))).toBe('abcdabcd');
});

it('asks for no more of an endless body than the first byte too many', async () => {
  const endless = body(Number.POSITIVE_INFINITY);
  await expect(readBody(endless, never(), limit)).rejects.toThrow('too many');
  expect(endless.asked()).toBe(3);
});

it('ends a body that stalls with the reason of the signal, and closes it', async () => {
  const stopping = new AbortController();
  let destroyed = false;
  const stalled = {
    destroy: () => {
      destroyed = true;
    },
    async *[Symbol.asyncIterator]() {
      yield Buffer.from('a');
      await new Promise(() => undefined);
    },
  };
  const read = readBody(stalled, stopping.signal, limit);
  stopping.abort(new Error('stop'));
  await expect(read).rejects.toThrow('stop');
  expect(destroyed).toBe(true);
});
