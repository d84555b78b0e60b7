import { describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../../../../src/shared/store/object-store.ts';
import { type Bend, type FakeS3, fakeS3, type S3Reply } from '../../../../support/fake-s3.ts';
import { keysOf } from '../../../../support/store-contract.ts';

const text = { contentType: 'text/plain' } as const;
const AWAY = { name: 'UnavailableError', service: 's3' };
const HTML = '<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>502</h1></body></html>';
const KEYS = ['o/1', 'o/2', 'o/3', 'o/4', 'o/5'];

interface Filled extends AsyncDisposable {
  readonly s3: FakeS3;
  readonly store: ObjectStore;
}

/** Two keys a page, so that a listing of these takes three. */
async function filled(): Promise<Filled> {
  const s3 = await fakeS3({ pageKeys: 2 });
  const store = s3.store();
  for (const key of KEYS) await store.put(key, Buffer.from(key), text);
  return {
    s3,
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
    },
  };
}

const body =
  (told: string, type = 'application/xml'): Bend =>
  (call) =>
    call.action === 'LIST' ? { status: 200, headers: { 'content-type': type }, body: told } : undefined;

/** S3's own listing, with its text changed. */
const changed =
  (change: (xml: string) => string): Bend =>
  (call, own) =>
    call.action === 'LIST' ? { ...own(), body: change(String(own().body)) } : undefined;

const SILENT: readonly [string, Bend][] = [
  ['no body at all', body('')],
  ['white space', body(' \n ')],
  ['an HTML page', body(HTML, 'text/html')],
  ['an HTML page that is XML too', body('<html><body><p>ok</p></body></html>', 'text/html')],
  ['JSON', body('{"ok": true}', 'application/json')],
  ['a page that closes early', changed((xml) => xml.slice(0, xml.indexOf('</ListBucketResult>')))],
  ['an empty ListBucketResult', body('<ListBucketResult></ListBucketResult>')],
  ['a closed ListBucketResult', body('<ListBucketResult/>')],
  ['a document of another name', changed((xml) => xml.replaceAll('ListBucketResult', 'ListVersionsResult'))],
  ['an error that the SDK does not see', body('<Error><Code>InternalError</Code></Error>\n')],
  ['a listing of another prefix', changed((xml) => xml.replace('<Prefix>o/', '<Prefix>p/'))],
  ['a listing of everything', changed((xml) => xml.replace('<Prefix>o/</Prefix>', '<Prefix></Prefix>'))],
  ['a listing of no prefix', changed((xml) => xml.replace('<Prefix>o/</Prefix>', ''))],
  ['a key of another prefix', changed((xml) => xml.replace('<Key>o/1', '<Key>p/1'))],
  ['no word on its end', changed((xml) => xml.replace(/<IsTruncated>\w+<\/IsTruncated>/, ''))],
  ['a page that goes on, without a token', changed((xml) => xml.replace(/<NextCont.*Token>/, ''))],
  [
    'a last page that goes on, without a token',
    changed((xml) => xml.replace('<IsTruncated>false', '<IsTruncated>true')),
  ],
  ['an empty token', changed((xml) => xml.replace(/(<NextCont\w+>).*(<\/NextCont\w+>)/, '$1$2'))],
  ['a token that it ignores', restarting()],
  ['a token that repeats on pages of nothing', body(emptyPage('again'))],
  ['fewer keys than it counts', changed((xml) => xml.replace(/<Contents>.*<\/Contents>/, ''))],
  ['keys out of order', changed((xml) => xml.replace('<Key>o/1', '<Key>o/9'))],
  ['an entry without its key', changed((xml) => xml.replace('<Key>o/1</Key>', ''))],
  ['an entry without its size', changed((xml) => xml.replace(/<Size>\d+<\/Size>/, ''))],
  ['an entry without its time', changed((xml) => xml.replace(/<LastModified>[^<]+<\/LastModified>/, ''))],
];

describe('a listing that is none', () => {
  it.each(SILENT)('is a fault, and never "nothing there": %s', async (_, bend) => {
    await using at = await filled();
    at.s3.bend(bend);
    await expect(keysOf(at.store, 'o/')).rejects.toMatchObject(AWAY);
    at.s3.bend(undefined);
    expect(await keysOf(at.store, 'o/')).toEqual(KEYS);
  });

  it('says in one sentence what came, from where, and where to look', async () => {
    await using at = await filled();
    at.s3.bend(body(''));
    await expect(keysOf(at.store, 'o/')).rejects.toThrow(
      `S3 at ${at.s3.endpoint} answered with an empty body for a listing, which says nothing about what s3://bucket/ holds; look for a proxy or a cache in front of it, then run this again.`,
    );
  });

  it('is asked for again at once, as after a 5xx', async () => {
    await using at = await filled();
    let left = 2;
    at.s3.bend((call) => {
      left -= 1;
      return call.action === 'LIST' && left >= 0 ? { status: 200, body: '' } : undefined;
    });
    expect(await keysOf(at.store, 'o/')).toEqual(KEYS);
  });

  it('is a fault where it ignores the key to start behind', async () => {
    await using at = await filled();
    at.s3.bend((call, own) => {
      if (call.action === 'LIST') call.query.delete('start-after');
      return own();
    });
    await expect(keysOf(at.store, 'o/', { after: 'o/3' })).rejects.toMatchObject(AWAY);
  });

  it('is a fault to the look whether the store answers', async () => {
    await using at = await filled();
    for (const bend of [body(''), body(HTML, 'text/html')]) {
      at.s3.bend(bend);
      await expect(at.store.check()).rejects.toMatchObject(AWAY);
    }
  });

  it('that holds nothing of this prefix is believed', async () => {
    await using at = await filled();
    expect(await keysOf(at.store, 'q/')).toEqual([]);
    // A page of nothing that goes on, as stores with deleted objects have them.
    let first = true;
    at.s3.bend((_, own) => {
      if (!first) return own();
      first = false;
      return { status: 200, body: emptyPage('o/') };
    });
    expect(await keysOf(at.store, 'o/')).toEqual(KEYS);
  });
});

describe('the shapes of a listing', () => {
  it.each<[string, (xml: string) => string]>([
    ['without the number of its keys', (xml) => xml.replace(/<KeyCount>\d+<\/KeyCount>/, '')],
    ['without the name of the bucket', (xml) => xml.replace(/<Name>\w+<\/Name>/, '')],
    [
      'without a declaration and a name space',
      (xml) => xml.replace(/^.*?<ListBucketResult[^>]*>/, '<ListBucketResult>'),
    ],
    ['over several lines', (xml) => xml.replaceAll('><', '>\n  <')],
    [
      'with names that it escapes',
      (xml) =>
        xml
          .replace('<Name>', '<EncodingType>url</EncodingType><Name>')
          .replace(/(?<=<(?:Prefix|Key)>)[^<]*/g, (name) => encodeURIComponent(name)),
    ],
  ])('are those of any store: %s', async (_, change) => {
    await using at = await filled();
    at.s3.bend(changed(change));
    expect(await keysOf(at.store, 'o/')).toEqual(KEYS);
    expect(await keysOf(at.store, 'q/')).toEqual([]);
    expect(await keysOf(at.store, 'o/', { after: 'o/3' })).toEqual(['o/4', 'o/5']);
  });
});

describe('an object that is none', () => {
  const nothing: S3Reply = { status: 200 };
  const page: S3Reply = { status: 200, headers: { 'content-type': 'text/html' }, body: HTML };

  it.each([
    ['no body', nothing],
    ['an HTML page', page],
  ])('is a fault where it is read: %s', async (_, reply) => {
    await using at = await filled();
    at.s3.bend(() => reply);
    await expect(at.store.get('o/1')).rejects.toMatchObject(AWAY);
    await expect(at.store.get('absent')).rejects.toMatchObject(AWAY);
  });

  it.each([
    ['nothing', nothing],
    ['an HTML page', page],
  ])('does not count as written: %s', async (_, reply) => {
    await using at = await filled();
    at.s3.bend(() => reply);
    await expect(at.store.put('new', Buffer.from('x'), text)).rejects.toMatchObject(AWAY);
    await expect(at.store.putOnce('new', Buffer.from('x'), text)).rejects.toMatchObject(AWAY);
    await expect(at.store.putFile('new', import.meta.filename, text)).rejects.toMatchObject(AWAY);
  });

  it.each([
    ['without a body', { status: 404 }],
    ['with an HTML page', { ...page, status: 404 }],
  ])('is a fault, and not missing, after a 404 %s', async (_, reply) => {
    await using at = await filled();
    at.s3.bend(() => reply);
    await expect(at.store.get('o/1')).rejects.toMatchObject(AWAY);
  });
});

/** The first page, whatever is asked for. */
function restarting(): Bend {
  return (call, own) => {
    if (call.action === 'LIST') call.query.delete('continuation-token');
    return own();
  };
}

function emptyPage(token: string): string {
  return `<ListBucketResult><Prefix>o/</Prefix><KeyCount>0</KeyCount><IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken></ListBucketResult>`;
}
