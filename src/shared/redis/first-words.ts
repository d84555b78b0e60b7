import { connect } from 'node:net';

/**
 * What a server that does not take us answers to a `PING` without any client, password or TLS: its first line; undefined
 * where it says nothing in time. A client loses these words when the server closes the connection behind them.
 */
export function firstWords(
  { hostname, port }: { readonly hostname: string; readonly port: number },
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port });
    let text = '';
    const end = () => {
      socket.destroy();
      const [line = ''] = text.split('\r\n');
      resolve(/^[+-]/.test(line) ? line : undefined);
    };
    socket.setTimeout(timeoutMs, end);
    socket.on('error', end);
    socket.on('close', end);
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n') || text.length > MOST) end();
    });
  });
}

const MOST = 1_000;
