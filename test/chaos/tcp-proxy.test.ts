import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { startTcpProxy } from './tcp-proxy.ts';

it('keeps the order of what was slow when the line is fast again', async () => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as AddressInfo;
  await using proxy = await startTcpProxy(port);
  const client = connect(proxy.port, '127.0.0.1');
  let read = '';
  client.setEncoding('utf8').on('data', (text: string) => {
    read += text;
  });
  try {
    proxy.delay(100);
    client.write('first ');
    await delay(50);
    proxy.heal();
    client.write('second');
    while (read.length < 'first second'.length) await once(client, 'data');
    expect(read).toBe('first second');
  } finally {
    client.destroy();
    echo.close();
  }
});
