import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on this machine that webhooks are sent to; it answers as it is told, and 200 after that. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Statuses of the next answers, each for one request; a text answers 302 to that place. */
  answer(...answers: (number | string)[]): void;
  until(count: number): Promise<readonly Received[]>;
}

export async function openReceiver(): Promise<Receiver> {
  const answers: (number | string)[] = [];
  const received: Received[] = [];
  const server = createServer((request, response) => {
    text(request).then((body) => {
      const { method = '', url: path = '', headers } = request;
      received.push({ method, path, headers, body });
      const answer = answers.shift() ?? 200;
      if (typeof answer === 'string') response.writeHead(302, { location: answer }).end();
      else response.writeHead(answer).end('noted');
    }, response.destroy);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // An object for a server that listens on a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answer: (...more) => {
      answers.push(...more);
    },
    async until(count) {
      const giveUpAt = performance.now() + 60_000;
      while (received.length < count) {
        if (performance.now() > giveUpAt) throw new Error(`${received.length} of ${count} came`);
        await delay(15);
      }
      return received;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
