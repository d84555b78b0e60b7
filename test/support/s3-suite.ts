import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Config } from '../../src/shared/base/config.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { IMMUTABLE, type ObjectStore } from '../../src/shared/store/object-store.ts';
import type { S3Credentials } from '../../src/shared/store/s3/client.ts';
import { createBucketIfMissing, openS3Store } from '../../src/shared/store/s3/store.ts';
import { keysOf, type OpenedStore, storeContract } from './store-contract.ts';
import { tempFolder } from './temp-folder.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly credentials: S3Credentials;
}

/** The contract, and what only S3 has, on a real server; in a bucket of its own, removed at the end. */
export function s3Suite(name: string, { endpoint, credentials }: S3Server): void {
  const bucket = `shotlist-test-${randomBytes(6).toString('hex')}`;
  const config = s3Config({ endpoint, bucket });
  const options = { config, credentials, log: silentLogger };

  beforeAll(async () => {
    expect(await createBucketIfMissing(options)).toBe('created');
    expect(await createBucketIfMissing(options)).toBe('exists');
  });

  afterAll(async () => {
    const client = rawClient({ endpoint, credentials });
    await empty(client, bucket, '');
    await client.send(new DeleteBucketCommand({ Bucket: bucket }));
    client.destroy();
  });

  async function open(): Promise<OpenedStore & { readonly prefix: string }> {
    const prefix = `${randomBytes(4).toString('hex')}/`;
    const opened: ObjectStore[] = [];
    const openOne = (changes: Partial<Config['s3']>) => {
      const store = openS3Store({ ...options, config: { ...config, prefix, ...changes } });
      opened.push(store);
      return store;
    };
    return {
      prefix,
      store: openOne({}),
      another: async () => openOne({}),
      missing: async () => openOne({ bucket: `${bucket}-gone` }),
      [Symbol.asyncDispose]: async () => {
        for (const store of opened) await store[Symbol.asyncDispose]();
      },
    };
  }

  storeContract(name, open);

  describe(`what only S3 has: ${name}`, () => {
    it('stores type, cache header, checksum and metadata as HTTP headers under the prefix', async () => {
      await using opened = await open();
      const body = Buffer.from('picture');
      await opened.store.put('a b/0.png', body, { contentType: 'image/png', metadata: { shot: 'TEE 1' } });
      await opened.store.put('head.json', body, {
        contentType: 'application/json',
        cacheControl: 'no-store',
      });
      const client = rawClient({ endpoint, credentials });
      const head = (key: string) =>
        client.send(
          new HeadObjectCommand({ Bucket: bucket, Key: `${opened.prefix}${key}`, ChecksumMode: 'ENABLED' }),
        );
      const picture = await head('a b/0.png');
      const json = await head('head.json');
      client.destroy();
      expect(picture).toMatchObject({
        ContentType: 'image/png',
        CacheControl: IMMUTABLE,
        Metadata: { shot: 'TEE%201' },
      });
      expect(json).toMatchObject({ ContentType: 'application/json', CacheControl: 'no-store' });
      expect(opened.store.location).toBe(`s3://${bucket}/${opened.prefix}`);
    });

    it('gives out an address that hands the object to whoever has it, until it expires', async () => {
      await using opened = await open();
      const body = Buffer.from('picture');
      await opened.store.put('a b/ü.png', body, { contentType: 'image/png' });
      const address = await opened.store.presign('a b/ü.png', 60);
      const answer = await fetch(address);
      expect(answer.status).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(body);
      expect(new URL(address).searchParams.get('X-Amz-Expires')).toBe('60');
      expect((await fetch(address.replace(/(X-Amz-Signature=.{4}).{4}/, '$1beef'))).status).toBe(403);
      const { origin, pathname } = new URL(address);
      expect((await fetch(`${origin}${pathname}`)).status).toBe(403);
    });

    it('writes a file with its type and cache header, in one piece and in several', async () => {
      await using opened = await open();
      await using folder = await tempFolder();
      const client = rawClient({ endpoint, credentials });
      for (const sizeBytes of [1_000, 11_000_000]) {
        const file = join(folder.path, 'manifest.csv');
        await writeFile(file, randomBytes(sizeBytes));
        await opened.store.putFile('m.csv', file, { contentType: 'text/csv', cacheControl: 'no-cache' });
        const head = await client.send(
          new HeadObjectCommand({ Bucket: bucket, Key: `${opened.prefix}m.csv` }),
        );
        expect(head).toMatchObject({
          ContentType: 'text/csv',
          CacheControl: 'no-cache',
          ContentLength: sizeBytes,
        });
      }
      const left = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      client.destroy();
      expect(left.Uploads ?? []).toEqual([]);
    });

    it('neither sees nor lists what lies outside its prefix', async () => {
      await using opened = await open();
      await using other = await open();
      await other.store.put('theirs', Buffer.from('x'), { contentType: 'text/plain' });
      await opened.store.put('ours', Buffer.from('x'), { contentType: 'text/plain' });
      expect(await keysOf(opened.store, '')).toEqual(['ours']);
      expect(await opened.store.get('theirs')).toBeUndefined();
    });

    it('says that the secret is wrong, without the secret', async () => {
      const secretAccessKey = 'a-wrong-secret-0123456789';
      await using store = openS3Store({ ...options, credentials: { ...credentials, secretAccessKey } });
      const failure = await store.check().catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'UserError', code: 'store_credentials' });
      expect(String(failure)).toContain('AWS_SECRET_ACCESS_KEY');
      expect(String(failure)).not.toContain(secretAccessKey);
    });

    it('says that the access key is unknown', async () => {
      await using store = openS3Store({
        ...options,
        credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' },
      });
      await expect(store.check()).rejects.toMatchObject({ name: 'UserError', code: 'store_credentials' });
    });
  });
}

export function s3Config({ endpoint, bucket }: { endpoint: string; bucket: string }): Config['s3'] {
  return { endpoint, bucket, region: undefined, prefix: '', forcePathStyle: true, publicUrl: undefined };
}

function rawClient({ endpoint, credentials }: S3Server): S3Client {
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
}

async function empty(client: S3Client, bucket: string, prefix: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
  }
}
