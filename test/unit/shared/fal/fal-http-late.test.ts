import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { createFalHttp, type FalRequest } from '../../../../src/shared/fal/http.ts';

describe('a POST', () => {
  it('that waited for its socket for too long is not sent any more', async () => {
    const arrived: string[] = [];
    const server = createServer((request, response) => {
      arrived.push(request.url ?? '');
      request.resume();
      // The only socket is taken for that long.
      const answer = () => response.setHeader('content-type', 'application/json').end('{}');
      if (request.url === '/first') delay(300).then(answer, answer);
      else if (request.url !== '/hangs') answer();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    const agent = new Agent({ connections: 1 });
    const other = new Agent();
    let now = 1_000;
    const http = createFalHttp({ agent, clock: () => now });
    const postOf = (path: string): FalRequest => ({
      call: 'submit',
      url: `http://127.0.0.1:${address.port}${path}`,
      method: 'POST',
      headers: {},
      body: '{}',
      timeoutMs: 10_000,
    });
    const post = (path: string, more: Partial<FalRequest> = {}) => http({ ...postOf(path), ...more });
    try {
      const first = post('/first', { notAfterMs: 2_000 });
      const second = post('/second', { notAfterMs: 2_000 });
      second.catch(() => undefined);
      while (arrived.length === 0) await delay(5);
      now = 3_000;

      await expect(first).resolves.toMatchObject({ status: 200 });
      await expect(second).rejects.toMatchObject({ fault: { kind: 'never-sent' } });
      await expect(post('/third')).resolves.toMatchObject({ status: 200 });
      expect(arrived).toEqual(['/first', '/third']);
      // Given up as before: the answer is lost, and the connection ended.
      const gone = new Promise((resolve) =>
        server.once('connection', (socket) => socket.once('close', resolve)),
      );
      const lost = createFalHttp({ agent: other, clock: () => now });
      const hanging = lost({ ...postOf('/hangs'), notAfterMs: 4_000, timeoutMs: 100 });
      await expect(hanging).rejects.toMatchObject({ fault: { kind: 'no-answer' } });
      await gone;
    } finally {
      await agent.close();
      await other.close();
      server.close();
    }
  });
});
