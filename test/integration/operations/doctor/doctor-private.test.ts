import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { type CheckResult, runChecks } from '../../../../src/operations/doctor/check.ts';
import { privateCheck } from '../../../../src/operations/doctor/store-private.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { openFolderStore } from '../../../../src/shared/store/folder/store.ts';
import { openS3Store } from '../../../../src/shared/store/s3/store.ts';
import { BUCKET, fakeS3 } from '../../../support/fake-s3.ts';
import { s3Config } from '../../../support/s3-suite.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

/** What a bucket answers to a request without a signature; `object`: the object itself. */
type Open = number | 'object' | 'page' | 'endless' | 'cut';

/** A server before the fake store, which hands on what is signed, and answers the rest by itself. */
async function front(endpoint: string, open: Open) {
  const server = createServer(async (request, response) => {
    const signed = request.headers.authorization !== undefined;
    if (signed || open === 'object') {
      const { method = 'GET', url = '/' } = request;
      const body = await buffer(request);
      const inner = await fetch(`${endpoint}${url}`, { method, ...(method === 'PUT' ? { body } : {}) });
      response.writeHead(inner.status, { etag: inner.headers.get('etag') ?? '' });
      response.end(Buffer.from(await inner.arrayBuffer()));
    } else if (open === 'page') response.end('<html>Log in</html>');
    else if (open === 'cut') response.socket?.destroy();
    else if (open === 'endless') {
      response.on('close', () => response.destroy());
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
        response.once('drain', more);
      };
      more();
    } else response.writeHead(open).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    // A server that listens on TCP has an AddressInfo.
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function looked(bucket: Open, publicUrl?: Open): Promise<CheckResult | undefined> {
  await using s3 = await fakeS3();
  await using store = await front(s3.endpoint, bucket);
  await using served = await front(s3.endpoint, publicUrl ?? 500);
  await using opened = openS3Store({
    config: {
      ...s3Config({ endpoint: store.endpoint, bucket: BUCKET }),
      prefix: 'shop/',
      ...(publicUrl === undefined ? {} : { publicUrl: `${served.endpoint}/${BUCKET}` }),
    },
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret-of-the-test' },
    log: silentLogger,
  });
  const checks = [privateCheck({ open: async () => opened, isFolder: false })];
  const [result] = await runChecks(checks, { timeoutMs: 10_000 });
  expect(JSON.stringify(result)).not.toMatch(/secret-of-the-test|X-Amz/);
  return result;
}

describe('whether everybody can read the journal', () => {
  it.each<[Open, Open | undefined, string]>([
    [403, undefined, 'ok'],
    [401, 404, 'ok'],
    ['object', undefined, 'Everybody can read the journal'],
    [403, 'object', 'Everybody can read the journal'],
    ['object', 403, 'Everybody can read the journal'],
    [500, undefined, 'cannot be told'],
    [403, 'cut', 'cannot be told'],
    [403, 'page', 'answers with something else'],
    [403, 'endless', 'answers with something else'],
  ])('the bucket: %s, the public address: %s → %s', async (bucket, publicUrl, says) => {
    const found = await looked(bucket, publicUrl);
    expect(found?.outcome).toBe(says === 'ok' ? 'ok' : 'warning');
    if (says !== 'ok') expect(found?.message).toContain(says);
    if (says.startsWith('Everybody'))
      expect(found?.message).toContain('/bucket/shop/_shotlist/probe/rights.txt');
  });

  it('is not asked of a folder', async () => {
    await using folder = await tempFolder();
    const open = () => openFolderStore({ folder: folder.path });
    const [found] = await runChecks([privateCheck({ open, isFolder: true })], { timeoutMs: 10_000 });
    expect(found?.outcome).toBe('ok');
  });
});
