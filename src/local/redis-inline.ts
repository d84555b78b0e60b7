import { connect } from 'node:net';

/**
 * Asks a Redis on this machine one thing, over a connection of its own, and resolves with the first line of the
 * answer (`+PONG`, `-LOADING …`); undefined when nobody answers within the time limit. Redis's inline protocol is
 * enough for PING and SHUTDOWN, and needs no client that reconnects.
 */
export function askRedis(
  { port, password }: { readonly port: number; readonly password: string },
  command: 'PING' | 'SHUTDOWN',
  timeoutMs = 1_000,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const end = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('connect', () => socket.write(`AUTH ${password}\r\n${command}\r\n`));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const lines = text.split('\r\n');
      // Line by line: the answer to AUTH, then the one that was asked for; a line is whole once another follows.
      if (lines.length > 2) end(lines[0] === '+OK' ? lines[1] : lines[0]);
    });
  });
}
