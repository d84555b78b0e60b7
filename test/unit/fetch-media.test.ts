import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { Agent } from 'undici';
import { createFetchMedia } from '../../src/worker/collect/media.ts';

it('gives up a redirect to what is no address', async () => {
  const server = createServer((_request, response) => {
    response.writeHead(302, { location: 'http://[::bad' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = new Agent();
  try {
    const fetchMedia = createFetchMedia({ agent, mediaHosts: [host], timeoutMs: 5_000 });
    const fetched = fetchMedia(`http://${host}/x`, { maxBytes: 1_000 }, AbortSignal.timeout(5_000));
    await expect(fetched).rejects.toMatchObject({ name: 'MediaError', wait: 'away' });
  } finally {
    await agent.close();
    server.close();
  }
});
