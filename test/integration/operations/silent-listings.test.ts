import { describe, expect, it, jest } from '@jest/globals';
import { costsCommand } from '../../../src/cli/commands/costs.ts';
import { rebuildCommand } from '../../../src/cli/commands/rebuild.ts';
import type { Context } from '../../../src/cli/context.ts';
import { pauseBatch, resumeBatch } from '../../../src/operations/batches.ts';
import { expectLedgerIsBook, expectMoneyAtRest, expectPaidOnce } from '../../support/accounts.ts';
import { runInContext } from '../../support/cli-context.ts';
import { type Bend, BUCKET, type FakeS3, fakeS3 } from '../../support/fake-s3.ts';
import { until } from '../../support/fal.ts';
import { flush } from '../../support/lost-redis.ts';
import { s3Config } from '../../support/s3-suite.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { openWorkshop, type Workshop } from '../../support/workshop.ts';

// Two batches each, and the pauses of workers that wait for a service.
jest.setTimeout(120_000);

// The commands take them from the process, as the SDK does.
process.env['AWS_ACCESS_KEY_ID'] = 'key';
process.env['AWS_SECRET_ACCESS_KEY'] = 'secret-of-the-test';

const CUPS = Array.from({ length: 4 }, (_, at) => ({ id: `cup-${at}`, prompt: `a cup number ${at}` }));
const AWAY = { name: 'UnavailableError', service: 's3' };

/** What is answered in place of every listing under the prefix. */
const LIES: readonly [string, (prefix: string) => Bend][] = [
  ['a 200 without a body', (prefix) => lie(prefix, () => '')],
  [
    'a 200 with an HTML page',
    (prefix) => lie(prefix, () => '<html><body><h1>Service unavailable</h1></body></html>'),
  ],
  [
    'a first page that goes on, without a token',
    (prefix) =>
      lie(prefix, (xml) =>
        xml
          .replace('<IsTruncated>false', '<IsTruncated>true')
          .replace(/<Contents>.*<\/Contents>/, '')
          .replace(/<KeyCount>\d+/, '<KeyCount>0'),
      ),
  ],
];

function lie(prefix: string, change: (xml: string) => string): Bend {
  return (call, own) =>
    call.action === 'LIST' && call.prefix.startsWith(prefix)
      ? { ...own(), body: change(String(own().body)) }
      : undefined;
}

interface Bucket extends AsyncDisposable {
  readonly s3: FakeS3;
  readonly workshop: Workshop;
  command<T>(run: (context: Context) => Promise<T>): Promise<{ readonly out: string }>;
}

/** A shop over a bucket, with four cups bought by batch `first`. */
async function bought(): Promise<Bucket> {
  const s3 = await fakeS3();
  const folder = await tempFolder();
  const config = s3Config({ endpoint: s3.endpoint, bucket: BUCKET });
  const workshop = await openWorkshop({ store: { kind: 's3', config: { ...config, region: 'us-east-1' } } });
  const { redis, fal } = workshop;
  const environment = {
    FAL_KEY: fal.key,
    FAL_QUEUE_URL: fal.queueUrl,
    FAL_API_URL: fal.apiUrl,
    REDIS_URL: redis.url,
    REDIS_PREFIX: redis.prefix,
    S3_ENDPOINT: s3.endpoint,
    S3_BUCKET: BUCKET,
  };
  await workshop.enqueueRows(CUPS, { batch: 'first' });
  // Planned while there is nothing, so that only the look right before the POST can find the pictures.
  await workshop.enqueueRows(CUPS, { batch: 'second' });
  await pauseBatch('second', workshop.operations);
  await workshop.startWorker();
  await workshop.untilEnded('first');
  return {
    s3,
    workshop,
    command: (run) => runInContext({ cwd: folder.path, environment }, run),
    async [Symbol.asyncDispose]() {
      await workshop[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
    },
  };
}

describe('four pictures that exist, in a store whose listings lie', () => {
  it.each(LIES)('are not paid for again by a worker or a new list: %s', async (_, lieAbout) => {
    await using at = await bought();
    const { s3, workshop } = at;
    expect(workshop.fal.book.charged()).toHaveLength(4);
    s3.bend(lieAbout('originals/'));

    await expect(workshop.enqueueRows(CUPS, { batch: 'third' })).rejects.toMatchObject(AWAY);
    const before = s3.calls.length;
    await resumeBatch('second', { cap: undefined }, workshop.operations);
    // It has asked again, and again, and nothing has come of it.
    await until(
      async () => s3.calls.slice(before).filter((call) => call.startsWith('LIST originals/')).length,
      (looks) => looks >= 8,
    );
    expect(workshop.fal.stats.calls('submit')).toBe(4);

    s3.bend(undefined);
    await workshop.untilEnded('second');
    expect(workshop.fal.stats.calls('submit')).toBe(4);
    await expectPaidOnce(workshop, 'first', 'second');
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, 'first', 'second');
  });

  it.each(LIES)('cost what they cost, or nobody says what: %s', async (_, lieAbout) => {
    await using at = await bought();
    const costs = () =>
      at.command((context) => costsCommand(context, { by: 'batch', json: true }).then(() => undefined));
    const { out } = await costs();
    expect(JSON.parse(out)).toMatchObject({ requests: 4, images: 4 });
    at.s3.bend(lieAbout('_shotlist/ledger/'));
    await expect(costs()).rejects.toThrow(/says nothing about what s3:.* holds; look for a proxy/);
  });

  it.each(LIES)('are restored with their batches, or a rebuild says why not: %s', async (_, lieAbout) => {
    await using at = await bought();
    const { s3, workshop } = at;
    await flush(workshop.redis);
    const rebuild = () => at.command((context) => rebuildCommand(context, undefined, { json: true }));
    for (const prefix of ['_shotlist/batches/', '_shotlist/ledger/']) {
      s3.bend(lieAbout(prefix));
      await expect(rebuild()).rejects.toThrow(/says nothing about what s3:.* holds; look for a proxy/);
    }
    s3.bend(undefined);
    expect(JSON.parse((await rebuild()).out)).toMatchObject({ batches: ['second'], requests: 4 });
    expect(workshop.fal.stats.calls('submit')).toBe(4);
  });
});
