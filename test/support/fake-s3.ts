import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { silentLogger } from '../../src/shared/base/log.ts';
import type { ObjectStore } from '../../src/shared/store/object-store.ts';
import { openS3Store } from '../../src/shared/store/s3/store.ts';
import { s3Config } from './s3-suite.ts';

export interface S3Call {
  readonly action: 'PUT' | 'GET' | 'LIST';
  /** Empty for a listing. */
  readonly key: string;
  /** Of a listing. */
  readonly prefix: string;
  readonly query: URLSearchParams;
}

export interface S3Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What is answered in place of S3's own answer; undefined: its own. */
export type Bend = (call: S3Call, own: () => S3Reply) => S3Reply | undefined;

export interface FakeS3 extends AsyncDisposable {
  readonly endpoint: string;
  readonly objects: ReadonlyMap<string, { readonly body: Buffer; readonly at: number }>;
  /** Every call so far, as `LIST originals/` or `PUT a/b`. */
  readonly calls: readonly string[];
  bend(next: Bend | undefined): void;
  /** A store on its bucket; the caller closes it. */
  store(): ObjectStore;
}

export interface FakeS3Options {
  readonly ignoresConditions?: boolean;
  /** The server's clock against ours. */
  readonly aheadMs?: number;
  /** The most keys that a page holds, whatever is asked for. */
  readonly pageKeys?: number;
}

export const BUCKET = 'bucket';

/** As much of S3 as the store touches, in memory, and bent as told: no real store can be made to answer all of this. */
export async function fakeS3(options: FakeS3Options = {}): Promise<FakeS3> {
  const objects = new Map<string, { body: Buffer; at: number }>();
  const calls: string[] = [];
  let bend: Bend | undefined;
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const call = callOf(request);
    calls.push(`${call.action} ${call.action === 'LIST' ? call.prefix : call.key}`);
    const own = () => answer(objects, call, { request, body, options });
    const { status, headers = {}, body: told = '' } = bend?.(call, own) ?? own();
    response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(told);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an AddressInfo.
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoint,
    objects,
    calls,
    bend(next) {
      bend = next;
    },
    store: () =>
      openS3Store({
        config: s3Config({ endpoint, bucket: BUCKET }),
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret-of-the-test' },
        log: silentLogger,
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function refusal(status: number, code: string): S3Reply {
  return { status, body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>` };
}

function callOf(request: IncomingMessage): S3Call {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3');
  const key = decodeURIComponent(pathname.slice(`/${BUCKET}/`.length));
  const action = request.method === 'PUT' ? 'PUT' : key === '' ? 'LIST' : 'GET';
  return { action, key, prefix: searchParams.get('prefix') ?? '', query: searchParams };
}

function answer(
  objects: Map<string, { body: Buffer; at: number }>,
  call: S3Call,
  {
    request,
    body,
    options: { ignoresConditions = false, aheadMs = 0, pageKeys = 1_000 },
  }: { readonly request: IncomingMessage; readonly body: Buffer; readonly options: FakeS3Options },
): S3Reply {
  switch (call.action) {
    case 'PUT': {
      const taken = request.headers['if-none-match'] === '*' && objects.has(call.key);
      if (taken && !ignoresConditions) return refusal(412, 'PreconditionFailed');
      objects.set(call.key, { body, at: Date.now() + aheadMs });
      return { status: 200, headers: { etag: etagOf(body) } };
    }
    case 'GET': {
      const found = objects.get(call.key);
      if (found === undefined) return refusal(404, 'NoSuchKey');
      return { status: 200, headers: { etag: etagOf(found.body) }, body: found.body };
    }
    case 'LIST':
      return listing(objects, call, pageKeys);
  }
}

function listing(
  objects: ReadonlyMap<string, { readonly body: Buffer; readonly at: number }>,
  { prefix, query }: S3Call,
  pageKeys: number,
): S3Reply {
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const most = Math.min(Number(query.get('max-keys') ?? pageKeys), pageKeys);
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, most);
  const token = keys.length > most ? page.at(-1) : undefined;
  const rows = page.map((key) => {
    const { body, at } = objects.get(key) ?? { body: Buffer.alloc(0), at: 0 };
    // Times of S3 are whole seconds.
    const modified = new Date(at).toISOString().replace(/\.\d+/, '.000');
    return `<Contents><Key>${escaped(key)}</Key><LastModified>${modified}</LastModified><Size>${body.length}</Size></Contents>`;
  });
  const body = [
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    `<Name>${BUCKET}</Name><Prefix>${escaped(prefix)}</Prefix><KeyCount>${page.length}</KeyCount>`,
    `<IsTruncated>${token !== undefined}</IsTruncated>`,
    token === undefined ? '' : `<NextContinuationToken>${escaped(token)}</NextContinuationToken>`,
    ...rows,
    '</ListBucketResult>',
  ];
  return { status: 200, body: body.join('') };
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
