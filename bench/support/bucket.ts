import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const PAGE_KEYS = 1_000;

/** What the bucket was asked for; a page of a listing is one request. */
export interface BucketCounts {
  readonly lists: number;
  readonly gets: number;
  readonly puts: number;
}

export interface Bucket extends AsyncDisposable {
  /** What the program needs to find it. */
  readonly settings: Readonly<Record<string, string>>;
  /** Keys of objects that nobody reads, a million of them without their bodies. To be called once. */
  fill(keys: readonly string[]): void;
  /** Since the last call. */
  counts(): BucketCounts;
}

/**
 * Just enough of S3 in memory for the program's own client: put, put once, get, list in pages of 1,000. It counts what
 * it is asked for, which no real store tells.
 */
export async function openBucket(): Promise<Bucket> {
  const objects = new Map<string, Buffer>();
  let filled: readonly string[] = [];
  let counts = { lists: 0, gets: 0, puts: 0 };

  /** The first keys behind `after` that start with the prefix, of both kinds together, and one more. */
  function page(prefix: string, after: string): string[] {
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
    const from = firstAt(filled, prefix > after ? prefix : after);
    for (let at = from; keys.length <= PAGE_KEYS || at <= from + PAGE_KEYS; at += 1) {
      const key = filled[at];
      if (key === undefined || !key.startsWith(prefix)) break;
      if (key > after) keys.push(key);
    }
    return keys.sort().slice(0, PAGE_KEYS + 1);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://bucket');
    const key = decodeURIComponent(url.pathname.replace(/^\/[^/]+\/?/, ''));
    if (request.method === 'PUT') {
      counts.puts += 1;
      const body = await buffer(request);
      if (request.headers['if-none-match'] === '*' && objects.has(key)) {
        fault(response, 412, 'PreconditionFailed');
        return;
      }
      objects.set(key, body);
      response.writeHead(200).end();
      return;
    }
    request.resume();
    if (key === '') {
      counts.lists += 1;
      const after = url.searchParams.get('continuation-token') ?? url.searchParams.get('start-after') ?? '';
      list(response, page(url.searchParams.get('prefix') ?? '', after));
      return;
    }
    counts.gets += 1;
    const body = objects.get(key);
    if (body === undefined) fault(response, 404, 'NoSuchKey');
    else response.writeHead(200, { 'content-length': body.length }).end(body);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address of this kind.
  const { port } = server.address() as AddressInfo;
  return {
    settings: {
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_BUCKET: 'bench',
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
    },
    fill(keys) {
      filled = [...keys].sort();
    },
    counts() {
      const since = counts;
      counts = { lists: 0, gets: 0, puts: 0 };
      return since;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function list(response: ServerResponse, keys: readonly string[]): void {
  const shown = keys.slice(0, PAGE_KEYS);
  const more = keys.length > PAGE_KEYS;
  const contents = shown.map(
    (key) =>
      `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`,
  );
  const next = more ? `<NextContinuationToken>${shown.at(-1)}</NextContinuationToken>` : '';
  response
    .writeHead(200, { 'content-type': 'application/xml' })
    .end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    );
}

function fault(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
}

/** The place of the first key that is not below `key`. */
function firstAt(sorted: readonly string[], key: string): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? '') < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
