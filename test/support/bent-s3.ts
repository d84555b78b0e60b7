import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Bent {
  /** Refused with AccessDenied. */
  readonly denied?: readonly ('PUT' | 'GET' | 'LIST')[];
  readonly ignoresConditions?: boolean;
  /** The server's clock against ours. */
  readonly aheadMs?: number;
  /** Every call is refused with this code, as by a clock that is wrong or a bucket that is gone. */
  readonly refuseAll?: { readonly status: number; readonly code: string };
}

/**
 * As much of S3 as the checks touch, in memory, and bent as told: no real store can be made to do all of this. What is
 * wrong with it may be changed while it runs.
 */
export async function bentS3(bent: Bent) {
  let current = bent;
  const objects = new Map<string, { body: Buffer; at: number }>();
  const server = createServer(async (request, response) => {
    const { denied = [], ignoresConditions = false, aheadMs = 0, refuseAll } = current;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(pathname.replace(/^\/bucket\/?/, ''));
    const action = request.method === 'PUT' ? 'PUT' : key === '' ? 'LIST' : 'GET';
    const body = await buffer(request);
    const answer = (status: number, text: string | Buffer = '') =>
      response.writeHead(status, { 'content-type': 'application/xml' }).end(text);
    const refuse = (status: number, code: string) => answer(status, `<Error><Code>${code}</Code></Error>`);
    if (refuseAll !== undefined) return refuse(refuseAll.status, refuseAll.code);
    if (denied.includes(action)) return refuse(403, 'AccessDenied');
    if (action === 'PUT') {
      const taken = request.headers['if-none-match'] === '*' && objects.has(key);
      if (taken && !ignoresConditions) return refuse(412, 'PreconditionFailed');
      objects.set(key, { body, at: Date.now() + aheadMs });
      return response.writeHead(200, { etag: etagOf(body) }).end();
    }
    if (action === 'LIST') {
      const prefix = searchParams.get('prefix') ?? '';
      const rows = [...objects]
        .filter(([name]) => name.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(
          ([name, { body: bytes, at }]) =>
            `<Contents><Key>${name}</Key><Size>${bytes.length}</Size><LastModified>${new Date(at).toISOString().replace(/\.\d+/, '.000')}</LastModified></Contents>`,
        );
      return answer(
        200,
        `<ListBucketResult><Prefix>${prefix}</Prefix><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`,
      );
    }
    const found = objects.get(key);
    if (found === undefined) return refuse(404, 'NoSuchKey');
    return response.writeHead(200, { etag: etagOf(found.body) }).end(found.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    objects,
    bend(to: Bent) {
      current = to;
    },
    endpoint: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
