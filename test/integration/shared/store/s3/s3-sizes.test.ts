import { expect, it } from '@jest/globals';
import { ANSWER_BYTES } from '../../../../../src/shared/base/answer-size.ts';
import { Journal } from '../../../../../src/shared/journal/journal.ts';
import { UnreadablePlanError } from '../../../../../src/shared/journal/plan-chunks.ts';
import { objectKeys } from '../../../../../src/shared/store/keys.ts';
import { type FakeS3, fakeS3, type S3Call, type S3Reply } from '../../../../support/fake-s3.ts';
import { keysOf } from '../../../../support/store-contract.ts';

const text = { contentType: 'text/plain' } as const;
/** White space, which changes nothing in XML. */
const PADDING = ' '.repeat(ANSWER_BYTES.other + 1);
const AWAY = { name: 'UnavailableError', service: 's3', message: expect.stringContaining('more than') };

async function filled() {
  const s3 = await fakeS3();
  const store = s3.store();
  await store.put('o/1', Buffer.from('one'), text);
  return {
    s3,
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
    },
  };
}

function padded(s3: FakeS3, action: S3Call['action'], reply?: S3Reply): void {
  s3.bend((call, own) => {
    if (call.action !== action) return undefined;
    const answer = reply ?? own();
    return { ...answer, body: `${String(answer.body ?? '')}${PADDING}` };
  });
}

/** An object that says it is so long; its bytes do not come. */
function promising(s3: FakeS3, sizeBytes: number): void {
  s3.bend((call, own) =>
    call.action === 'GET'
      ? { ...own(), headers: { ...own().headers, 'content-length': String(sizeBytes) } }
      : undefined,
  );
}

it('takes no page of a listing, no receipt and no error that is longer than S3 writes them', async () => {
  await using at = await filled();
  padded(at.s3, 'LIST');
  await expect(keysOf(at.store, 'o/')).rejects.toMatchObject(AWAY);
  padded(at.s3, 'PUT');
  await expect(at.store.put('o/2', Buffer.from('two'), text)).rejects.toMatchObject(AWAY);
  padded(at.s3, 'GET', { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' });
  await expect(at.store.get('o/1')).rejects.toMatchObject(AWAY);
  at.s3.bend(undefined);
  expect(await keysOf(at.store, 'o/')).toEqual(['o/1', 'o/2']);
});

it('refuses an object that is too large for good, and reads none of it', async () => {
  await using at = await filled();
  promising(at.s3, ANSWER_BYTES.object + 1);
  await expect(at.store.get('o/1')).rejects.toMatchObject({
    name: 'TooLargeObjectError',
    message: expect.stringContaining('o/1 in the store has more than 256 MiB'),
  });
});

it('a plan chunk that is too large can never be read, so its requests need not wait', async () => {
  await using at = await filled();
  await at.store.put(objectKeys.planChunk('spring', 0), Buffer.from('x'), text);
  promising(at.s3, ANSWER_BYTES.object + 1);
  const journal = new Journal({ store: at.store });
  await expect(journal.readChunk('spring', 0)).rejects.toBeInstanceOf(UnreadablePlanError);
});
