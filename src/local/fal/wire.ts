import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/base/errors.ts';

/** One HTTP request, read in full. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  /** Waits before the first byte. */
  readonly delayMs?: number;
  /** `whole` unless given. `reset`: no byte, RST; `truncated`: half of the promised bytes, then the end; `never`: silence. */
  readonly delivery?: 'whole' | 'reset' | 'truncated' | 'never';
}

export interface Wire {
  readonly port: number;
  [Symbol.asyncDispose](): Promise<void>;
}

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** node:http rather than fastify, because half of what this server does is to break the protocol on purpose. */
export async function startWire(options: {
  readonly port: number;
  readonly handle: (call: Call) => Promise<Reply>;
}): Promise<Wire> {
  const closing = new AbortController();
  const server = createServer((request, response) => {
    void serve(request, response, options.handle, closing.signal);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', () => resolve());
  });
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    async [Symbol.asyncDispose]() {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

export function jsonReply(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (call: Call) => Promise<Reply>,
  closing: AbortSignal,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://simulator');
    const body = await readBody(request);
    const reply = await handle({
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
    });
    if (reply.delayMs !== undefined) await delay(reply.delayMs, undefined, { signal: closing });
    send(reply, request, response);
  } catch (error) {
    // A client that hung up, or the simulator's own end, needs no answer; anything else is the simulator's bug and
    // must be seen by the test that met it.
    if (response.destroyed || closing.aborted) return;
    if (response.headersSent) response.destroy();
    else send(jsonReply(500, { detail: `simulator: ${messageOf(error)}` }), request, response);
  }
}

function send(reply: Reply, request: IncomingMessage, response: ServerResponse): void {
  const { delivery = 'whole' } = reply;
  if (delivery === 'never') return;
  if (delivery === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  response.writeHead(reply.status, { ...reply.headers, 'content-length': String(body.length) });
  if (delivery === 'whole' || request.method === 'HEAD') {
    response.end(request.method === 'HEAD' ? undefined : body);
    return;
  }
  // Destroyed, not reset: a reset would throw away the bytes that the client has not read yet.
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => request.socket.destroy());
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    // A request without an encoding set yields Buffers.
    const bytes = chunk as Buffer;
    sizeBytes += bytes.length;
    if (sizeBytes > MAX_BODY_BYTES) throw new RangeError('request body too large');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
