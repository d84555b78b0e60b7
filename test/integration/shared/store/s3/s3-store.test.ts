import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../../../../src/shared/base/log.ts';
import { assertCreateOnce } from '../../../../../src/shared/store/create-once.ts';
import type { ObjectStore } from '../../../../../src/shared/store/object-store.ts';
import { createBucketIfMissing, openS3Store } from '../../../../../src/shared/store/s3/store.ts';
import { s3Config } from '../../../../support/s3-suite.ts';

/** What no real server can be told to do: a server that answers each request by the next step of a script. */
type Step = (response: ServerResponse, request: IncomingMessage) => void;

const credentials = { accessKeyId: 'key', secretAccessKey: 'canary-secret-value' };
const text = { contentType: 'text/plain' } as const;

interface Scripted extends AsyncDisposable {
  readonly store: ObjectStore;
  readonly endpoint: string;
  /** `PUT /bucket/key` and the headers of all requests so far. */
  readonly seen: { readonly line: string; readonly headers: IncomingMessage['headers'] }[];
}

/** The last step repeats. */
async function scripted(...steps: Step[]): Promise<Scripted> {
  const seen: Scripted['seen'][number][] = [];
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      const step = steps[Math.min(seen.length, steps.length - 1)];
      seen.push({ line: `${request.method} ${request.url}`, headers: request.headers });
      step?.(response, request);
    });
  });
  const endpoint = await listening(server);
  const store = openS3Store({
    config: s3Config({ endpoint, bucket: 'bucket' }),
    credentials,
    log: silentLogger,
  });
  return {
    store,
    endpoint,
    seen,
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address of this kind.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const ok: Step = (response) => response.writeHead(200, { etag: '"x"' }).end();
const reset: Step = (response) => response.destroy();
const fault =
  (status: number, code: string): Step =>
  (response) =>
    response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(
        `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no: canary-secret-value</Message></Error>`,
      );

describe('the S3 store and what a server may answer', () => {
  it('sends bytes with their length, their checksum and the condition', async () => {
    await using server = await scripted(ok);
    await server.store.putOnce('a b.txt', Buffer.from('hello'), text);
    expect(server.seen[0]?.line).toMatch(/^PUT \/bucket\/a%20b\.txt/);
    expect(server.seen[0]?.headers).toMatchObject({
      'content-length': '5',
      'if-none-match': '*',
      'x-amz-checksum-sha256': 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=',
    });
    expect(server.seen[0]?.headers).not.toHaveProperty('x-amz-trailer');
    expect(server.seen[0]?.headers).not.toHaveProperty('expect');
  });

  it('answers exists when the answer to its own create-once write was lost', async () => {
    await using server = await scripted(reset, fault(412, 'PreconditionFailed'));
    expect(await server.store.putOnce('k', Buffer.from('x'), text)).toBe('exists');
    expect(server.seen).toHaveLength(2);
  });

  it('repeats a create-once write that met another in the middle', async () => {
    await using server = await scripted(
      fault(409, 'ConditionalRequestConflict'),
      fault(409, 'ConditionalRequestConflict'),
      ok,
    );
    expect(await server.store.putOnce('k', Buffer.from('x'), text)).toBe('created');
    expect(server.seen).toHaveLength(3);
  });

  it('repeats a read whose body breaks off', async () => {
    const half: Step = (response) => {
      response.writeHead(200, { 'content-length': '10', etag: '"x"' });
      response.write('half', () => response.destroy());
    };
    await using server = await scripted(half, (response) => response.setHeader('etag', '"x"').end('whole'));
    expect((await server.store.get('k'))?.body.toString()).toBe('whole');
  });

  it('leaves a body that stalls when the signal aborts, with its reason', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    await using server = await scripted((response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('half', () => controller.abort(reason));
    });
    await expect(server.store.get('k', controller.signal)).rejects.toBe(reason);
  });

  it('leaves a call that is not answered when the signal aborts, with its reason', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    await using server = await scripted(() => controller.abort(reason));
    const write = server.store.putOnce('k', Buffer.from('x'), { ...text, signal: controller.signal });
    await expect(write).rejects.toBe(reason);
    expect(server.seen).toHaveLength(1);
  });

  it('is unavailable after three answers of 503', async () => {
    await using server = await scripted(fault(503, 'SlowDown'));
    const write = server.store.put('k', Buffer.from('x'), text);
    await expect(write).rejects.toMatchObject({ name: 'UnavailableError', service: 's3' });
    expect(server.seen).toHaveLength(3);
  });

  it('is unavailable where nobody listens and where the host is unknown', async () => {
    const server = createServer();
    const refused = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    for (const endpoint of [refused, 'http://no-such-host.invalid']) {
      await using store = openS3Store({
        config: s3Config({ endpoint, bucket: 'bucket' }),
        credentials,
        log: silentLogger,
      });
      const failure = await store.check().catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'UnavailableError', service: 's3' });
      expect(String(failure)).toContain(endpoint);
    }
  });

  it.each([
    [404, 'NoSuchBucket', 'store_missing', 'bucket'],
    [403, 'AccessDenied', 'store_denied', 's3:ListBucket'],
    [403, 'SignatureDoesNotMatch', 'store_credentials', 'AWS_SECRET_ACCESS_KEY'],
    [403, 'InvalidAccessKeyId', 'store_credentials', 'AWS_ACCESS_KEY_ID'],
    [403, 'SomethingNew', 'store_denied', 's3:PutObject'],
    [400, 'ExpiredToken', 'store_credentials', 'expired'],
    [403, 'RequestTimeTooSkewed', 'store_clock', 'clock'],
    [400, 'AuthorizationHeaderMalformed', 'store_region', 'S3_REGION'],
    [501, 'NotImplemented', 'store_unfit', 'If-None-Match'],
  ])(
    'says in one sentence what %d %s means, without repeating the server',
    async (status, code, ours, word) => {
      await using server = await scripted(fault(status, code));
      const failure = await server.store
        .putOnce('k', Buffer.from('x'), text)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'UserError', code: ours });
      expect(String(failure)).toContain(word);
      expect(String(failure)).not.toContain('canary');
    },
  );

  it('refuses a store that overwrites what must be written once', async () => {
    await using server = await scripted(ok);
    const probe = assertCreateOnce(server.store);
    await expect(probe).rejects.toMatchObject({ name: 'UserError', code: 'store_unfit' });
  });

  it('names the setting when there is no bucket', () => {
    const config = { ...s3Config({ endpoint: 'http://127.0.0.1:9', bucket: 'x' }), bucket: undefined };
    expect(() => openS3Store({ config, credentials, log: silentLogger })).toThrow('S3_BUCKET');
  });

  it('says that a bucket name is taken', async () => {
    await using server = await scripted(fault(404, 'NotFound'), fault(409, 'BucketAlreadyExists'));
    const config = s3Config({ endpoint: server.endpoint, bucket: 'bucket' });
    const create = createBucketIfMissing({ config, credentials, log: silentLogger });
    await expect(create).rejects.toMatchObject({ name: 'UserError', code: 'store_taken' });
  });

  it('answers addresses under S3_PUBLIC_URL, else s3:// ones', async () => {
    const config = { ...s3Config({ endpoint: 'http://127.0.0.1:9', bucket: 'bucket' }), prefix: 'shop/' };
    await using store = openS3Store({ config, credentials, log: silentLogger });
    await using served = openS3Store({
      config: { ...config, publicUrl: 'https://cdn.example' },
      credentials,
      log: silentLogger,
    });
    expect(store.urlOf('a b/0.png')).toBe('s3://bucket/shop/a b/0.png');
    expect(served.urlOf('a b/0~1.png')).toBe('https://cdn.example/shop/a%20b/0~1.png');
  });
});
