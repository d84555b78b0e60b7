import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Everything goes through again; connections made from now on are whole. */
  heal(): void;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Half-open: connections stay, and not a byte passes in either direction. */
  swallow(): void;
  /** Bytes to the target arrive, those from it do not: replies are lost. */
  loseReplies(): void;
  /** Every byte takes this much longer. */
  delay(ms: number): void;
}

/** Stands between the workers and a server on the loopback; a restarted server on the same port is found again. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  let mode: 'whole' | 'cut' | 'swallow' | 'deaf' = 'whole';
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const pass = (from: Socket, to: Socket, direction: 'there' | 'back') => {
    sockets.add(from);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    // In the order that they came in, as TCP promises: what is slow is not overtaken by what comes after a heal.
    const waiting: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const forward = () => {
      timer = undefined;
      for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
        const restMs = first.dueMs - performance.now();
        if (restMs > 0) {
          timer = setTimeout(forward, restMs);
          return;
        }
        waiting.shift();
        if (!to.destroyed) to.write(first.bytes);
      }
    };
    from.on('data', (bytes) => {
      if (mode === 'swallow' || (mode === 'deaf' && direction === 'back')) return;
      waiting.push({ bytes, dueMs: performance.now() + delayMs });
      if (timer === undefined) forward();
    });
  };
  const server = createServer((client) => {
    if (mode === 'cut') {
      client.destroy();
      return;
    }
    const target = connect(targetPort, '127.0.0.1');
    pass(client, target, 'there');
    pass(target, client, 'back');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    port: address.port,
    heal() {
      // What was swallowed is missing in the middle of its stream.
      if (mode !== 'whole') endAll();
      mode = 'whole';
      delayMs = 0;
    },
    cut() {
      mode = 'cut';
      endAll();
    },
    swallow() {
      mode = 'swallow';
    },
    loseReplies() {
      mode = 'deaf';
    },
    delay(ms) {
      delayMs = ms;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      endAll();
      if (server.listening) await once(server, 'close');
    },
  };
}
