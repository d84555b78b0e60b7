import type { lookup } from 'node:dns';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { openMediaOutbound } from '../../../../src/shared/base/outbound.ts';
import { createFetchMedia, type FetchMedia } from '../../../../src/shared/fal/media.ts';
import { resolver } from '../../../support/resolver.ts';

const LIMITS = { maxBytes: 1_000 };
const soon = () => AbortSignal.timeout(5_000);

async function fetching<T>(
  hosts: readonly string[],
  use: (fetchMedia: FetchMedia) => Promise<T>,
  resolve?: typeof lookup,
): Promise<T> {
  const outbound = openMediaOutbound(hosts, resolve === undefined ? {} : { resolve });
  try {
    return await use(createFetchMedia({ outbound, mediaHosts: hosts, timeoutMs: 5_000 }));
  } finally {
    await outbound.close();
  }
}

/** A media host on this machine, that a setting names. */
async function mediaHost(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  // A server that listens on TCP has an AddressInfo.
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const redirectTo = (location: string) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(302, { location, 'set-cookie': 'a=b' }).end();
};

describe('a redirect of a media host', () => {
  it.each<[string, object]>([
    ['http://[::bad', { name: 'MediaError', wait: 'away' }],
    ['https://169.254.169.254/latest/meta-data', { name: 'MediaError', wait: 'none' }],
    ['http://127.0.0.1:1/x', { name: 'MediaError', wait: 'none' }],
    ['https://:pw@fal.media/x', { name: 'MediaError', wait: 'none' }],
    ['/again', { name: 'MediaError', wait: 'away', message: expect.stringContaining('without end') }],
  ])('is not followed to %s', async (location, refusal) => {
    await using media = await mediaHost(redirectTo(location));
    const fetched = fetching([media.host, 'fal.media'], (fetchMedia) =>
      fetchMedia(`http://${media.host}/x?sig=secret`, LIMITS, soon()),
    );
    const error: unknown = await fetched.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(refusal);
    expect(String(error)).not.toContain('secret');
    expect(media.seen.length).toBeLessThanOrEqual(4);
  });

  it('is followed without headers of ours or of the host', async () => {
    await using media = await mediaHost((request, response) => {
      if (request.url === '/picture') response.end('bytes');
      else redirectTo('/picture')(request, response);
    });
    const bytes = await fetching([media.host], (fetchMedia) =>
      fetchMedia(`http://${media.host}/x`, LIMITS, soon()),
    );
    expect(String(bytes)).toBe('bytes');
    const [, second] = media.seen;
    expect(second?.headers).not.toHaveProperty('cookie');
    expect(second?.headers).not.toHaveProperty('referer');
    expect(second?.headers).not.toHaveProperty('authorization');
  });
});

describe('a name of a media host', () => {
  it.each([
    { found: ['10.0.0.1'] },
    { found: ['169.254.169.254'] },
    { found: ['::ffff:127.0.0.1'] },
    { found: ['93.184.215.14', '127.0.0.1'] },
    { found: ['fd00::1'] },
  ])('is not asked where it leads inside: $found', async ({ found }) => {
    const { resolve } = resolver(found);
    const fetched = fetching(
      ['fal.media', '*.fal.media'],
      (fetchMedia) => fetchMedia('https://v3.fal.media/x?sig=secret', LIMITS, soon()),
      resolve,
    );
    await expect(fetched).rejects.toMatchObject({
      name: 'MediaError',
      wait: 'away',
      message: 'v3.fal.media leads into a private network.',
    });
  });

  it('is looked up once, so that a resolver which rebinds is not asked again', async () => {
    const { resolve, looks } = resolver(['93.184.215.14'], ['127.0.0.1']);
    const fetched = fetching(
      ['fal.media'],
      (fetchMedia) => fetchMedia('https://fal.media/x', LIMITS, AbortSignal.timeout(300)),
      resolve,
    );
    await expect(fetched).rejects.toThrow();
    expect(looks()).toBe(1);
  });

  it('that has no address is waited for, as a host that is away', async () => {
    const fetched = fetching(
      ['fal.media'],
      (fetchMedia) => fetchMedia('https://fal.media/x', LIMITS, soon()),
      unknownName,
    );
    await expect(fetched).rejects.toMatchObject({
      name: 'MediaError',
      code: 'media_unreachable',
      wait: 'away',
      message: expect.stringContaining('ENOTFOUND'),
    });
  });
});

/** A resolver that knows no name. */
const unknownName = ((_name: string, _options: unknown, done: (error: Error) => void) => {
  done(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }));
}) as unknown as typeof lookup;
