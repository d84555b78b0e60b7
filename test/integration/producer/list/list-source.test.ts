import { writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { listName, readList } from '../../../../src/producer/list/list.ts';
import { sourceOf, templateOf } from '../../../../src/producer/list/source.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { parseS3Address, readS3Object } from '../../../../src/shared/store/s3/reader.ts';
import { s3Config } from '../../../support/s3-suite.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

type Answer = (response: ServerResponse) => void;

/** Speaks just enough of S3 to answer a GET; what it was asked for is kept. */
async function bucketServer(answer: Answer) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an address of this kind.
  const { port } = server.address() as AddressInfo;
  const options = {
    config: s3Config({ endpoint: `http://127.0.0.1:${port}`, bucket: 'shop' }),
    credentials: { accessKeyId: 'key', secretAccessKey: 'canary-secret-value' },
    log: silentLogger,
  };
  return {
    asked,
    source(address: string) {
      const parsed = parseS3Address(address);
      if (parsed === undefined) throw new Error(`${address} was not taken for an address`);
      return {
        kind: 's3' as const,
        address,
        open: (signal: AbortSignal | undefined) => readS3Object(parsed, options, signal),
      };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const fault =
  (status: number, code: string): Answer =>
  (response) =>
    response
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>canary-secret-value</Message></Error>`);

async function idsOf(rows: ReturnType<typeof readList>): Promise<string[]> {
  const ids: string[] = [];
  for await (const row of rows) ids.push('columns' in row ? (row.columns['id'] ?? '') : 'fault');
  return ids;
}

describe('a list at a web address', () => {
  it.each(['https://shop.example.com/list.csv', 'HTTP://shop.example.com/list.csv'])(
    'is refused, and not taken for a file: %s',
    (list) => {
      const deps = {
        stdin: Readable.from([]),
        cwd: '/',
        config: { s3: s3Config({ endpoint: 'http://127.0.0.1:1', bucket: 'shop' }) },
        log: silentLogger,
      };
      expect(() => sourceOf(list, {}, deps)).toThrow('Lists at web addresses are not read yet');
    },
  );
});

describe('a list at an s3:// address', () => {
  it.each([
    ['catalog.csv', Buffer.from('id,prompt\na,mug\nb,tee\n')],
    ['catalog.csv.gz', gzipSync('id,prompt\na,mug\nb,tee\n')],
    ['catalog.jsonl', Buffer.from('{"id":"a"}\n{"id":"b"}\n')],
  ])('is read from any bucket as a file is: %s', async (name, body) => {
    await using server = await bucketServer((response) => response.writeHead(200, { etag: '"x"' }).end(body));
    const source = server.source(`s3://another-bucket/in/${name}`);
    expect(await idsOf(readList(source))).toEqual(['a', 'b']);
    expect(server.asked).toEqual([`GET /another-bucket/in/${name}`]);
    expect(listName(source)).toBe(name);
  });

  it.each<[string, Answer, string]>([
    ['a missing key', fault(404, 'NoSuchKey'), 'There is no list s3://shop/catalog.csv'],
    ['a missing bucket', fault(404, 'NoSuchBucket'), 'There is no bucket shop'],
    ['no right', fault(403, 'AccessDenied'), 'need s3:GetObject there'],
    [
      'a wrong secret',
      fault(403, 'SignatureDoesNotMatch'),
      'refused the signature for s3://shop/catalog.csv',
    ],
  ])('says in one sentence that there is %s, without the secret', async (_, answer, sentence) => {
    await using server = await bucketServer(answer);
    const failure = await idsOf(readList(server.source('s3://shop/catalog.csv'))).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ name: 'UserError' });
    expect(String(failure)).toContain(sentence);
    expect(String(failure)).not.toContain('canary');
  });

  it('is refused as a whole when it breaks off, and by its name when it is no list', async () => {
    await using server = await bucketServer((response) => {
      response.writeHead(200, { 'content-length': '1000', etag: '"x"' }).write('id,prompt\na,mug\n');
      response.socket?.end();
    });
    await expect(idsOf(readList(server.source('s3://shop/catalog.csv')))).rejects.toMatchObject({
      name: 'UnavailableError',
    });
    await expect(idsOf(readList(server.source('s3://shop/catalog.xlsx')))).rejects.toThrow('is no list');
  });

  it('is refused when a page of a proxy comes in its place', async () => {
    await using server = await bucketServer((response) => response.writeHead(200).end('id,prompt\n'));
    await expect(idsOf(readList(server.source('s3://shop/catalog.csv')))).rejects.toMatchObject({
      name: 'UnavailableError',
    });
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    await using server = await bucketServer((response) => {
      response.writeHead(200, { etag: '"x"' }).write('id,prompt\na,mug\n');
      stop.abort(new Error('stopped by hand'));
    });
    const rows = readList(server.source('s3://shop/catalog.csv'), { signal: stop.signal });
    await expect(idsOf(rows)).rejects.toThrow('stopped by hand');
  });

  it('is refused in simulated work, and where it is no address', () => {
    const deps = {
      stdin: process.stdin,
      cwd: '/',
      config: { s3: s3Config({ endpoint: 'http://127.0.0.1:1', bucket: 'shop' }) },
      log: silentLogger,
    };
    expect(() => sourceOf('s3://shop/catalog.csv', { simulate: true }, deps)).toThrow(
      'Simulated work never touches a real bucket',
    );
    expect(sourceOf('s3://shop/catalog.csv', {}, deps).kind).toBe('s3');
    expect(() => sourceOf('s3://shop', {}, deps)).toThrow('is no address of an object');
    expect(() => sourceOf('s3://shop/folder/', {}, deps)).toThrow('is no address of an object');
  });
});

describe('a template in a file', () => {
  it('is its text, without one line break at its end and a byte order mark', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, 'p.txt'), '\ufeffA photo of {{title}},\non oak\r\n');
    expect(await templateOf('@p.txt', folder.path)).toBe('A photo of {{title}},\non oak');
    expect(await templateOf('A photo', folder.path)).toBe('A photo');
  });

  it.each<[string, Buffer | undefined, string]>([
    ['is missing', undefined, 'there is no file p.txt'],
    ['is empty', Buffer.from('\n'), 'p.txt is empty'],
    ['is too large', Buffer.alloc(262_145, 'a'), 'p.txt is larger than 256 KiB'],
    ['is not UTF-8', Buffer.from([0x66, 0xff]), 'p.txt is not UTF-8'],
  ])('says in one sentence that it %s', async (_, bytes, sentence) => {
    await using folder = await tempFolder();
    if (bytes !== undefined) await writeFile(join(folder.path, 'p.txt'), bytes);
    await expect(templateOf('@p.txt', folder.path)).rejects.toThrow(sentence);
    await expect(templateOf('@', folder.path)).rejects.toThrow('names no file');
  });
});
