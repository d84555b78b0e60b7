import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Queue } from 'bullmq';
import { startRedis } from '../../../src/local/redis.ts';
import { silentLogger } from '../../../src/shared/base/log.ts';
import { jobOf, type QueueName } from '../../../src/shared/queues/jobs.ts';
import { connectionOf } from '../../../src/shared/queues/queues.ts';
import { type Step, startWorkers, type Workers } from '../../../src/worker/workers.ts';
import { hasEnded, when } from '../../support/program.ts';
import { testRedis } from '../../support/redis.ts';
import { tempFolder } from '../../support/temp-folder.ts';

/** Promised are 2 s; a machine busy with other tests is given some more. */
const STOPPED_WITHIN_MS = 2_500;

interface Bench extends AsyncDisposable {
  readonly workers: Workers;
  add(request: string): Promise<void>;
  /** Process ids of all render children that ever started. */
  children(): readonly number[];
  has(mark: string): boolean;
}

interface BenchOptions {
  /** JavaScript of the render child; may call `mark(name)`, which leaves a file. */
  readonly child?: string;
  readonly step?: Step;
  readonly url?: string;
}

/** Workers of one queue over a share of Redis; the render child is a file of the test's own. */
async function bench({ child, step, url }: BenchOptions): Promise<Bench> {
  const folder = await tempFolder();
  const redis = url === undefined ? await testRedis() : undefined;
  const shared = { url: url ?? redis?.url ?? '', prefix: redis?.prefix ?? '{t-shutdown}' };
  const file = join(folder.path, 'child.mjs');
  const head = `import { existsSync, writeFileSync } from 'node:fs';
const mark = (name) => writeFileSync(${JSON.stringify(folder.path)} + '/' + name, '');
const has = (name) => existsSync(${JSON.stringify(folder.path)} + '/' + name);
mark('child-' + process.pid);
`;
  writeFileSync(file, head + (child ?? ''));
  const name: QueueName = child === undefined ? 'generate' : 'render';
  const queue = new Queue(name, { connection: connectionOf(shared.url), prefix: shared.prefix });
  queue.on('error', () => undefined);
  const workers = startWorkers({
    endings: undefined,
    ...shared,
    generate: step === undefined ? undefined : { step, concurrency: 2 },
    collect: undefined,
    render:
      child === undefined
        ? undefined
        : {
            file: pathToFileURL(file),
            environment: { PATH: process.env['PATH'] ?? '' },
            execArgv: [],
            concurrency: 2,
          },
    log: silentLogger,
  });
  const marks = () => readdirSync(folder.path);
  return {
    workers,
    async add(request) {
      const { data, opts } = jobOf({ request, round: 0, priority: 1_000 });
      await queue.add('job', data, { ...opts, attempts: 1_000, backoff: { type: 'house' } });
    },
    children: () => marks().flatMap((one) => /^child-(\d+)$/.exec(one)?.slice(1).map(Number) ?? []),
    has: (mark) => marks().includes(mark),
    async [Symbol.asyncDispose]() {
      await workers.close();
      // Its server is gone, so it never says that it is disconnected.
      if (redis === undefined) queue.disconnect().catch(() => undefined);
      else await queue.close();
      await redis?.[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Closing comes to its end, whatever is in hand, and no child outlives it. */
async function closes({ workers, children }: Bench): Promise<void> {
  await workers.close();
  await when(() => children().every(hasEnded));
}

describe('stopping the workers', () => {
  it('takes no time when nothing is in hand', async () => {
    await using at = await bench({ child: 'export default async () => {};' });
    await at.add('b.0.0');
    await when(() => at.children().length > 0);
    const toldAt = performance.now();
    await closes(at);
    expect(performance.now() - toldAt).toBeLessThan(STOPPED_WITHIN_MS);
  });

  it('ends a render child whose event loop is blocked', async () => {
    await using at = await bench({ child: "export default () => { mark('busy'); for (;;); };" });
    await at.add('b.0.0');
    await when(() => at.has('busy'));
    await closes(at);
  });

  it('ends a render child that does not hear the signal', async () => {
    const child =
      "export default (job, token, signal) => { mark('busy'); return new Promise((r) => setTimeout(r, 60_000)); };";
    await using at = await bench({ child });
    await at.add('b.0.0');
    await when(() => at.has('busy'));
    await closes(at);
  });

  it('ends a render child that hangs while it starts', async () => {
    await using at = await bench({ child: "mark('starting'); for (;;);" });
    await at.add('b.0.0');
    await when(() => at.has('starting'));
    await closes(at);
  });

  it('does not wait for render children that die while they start, over and over', async () => {
    await using at = await bench({ child: "process.kill(process.pid, 'SIGKILL');" });
    await at.add('b.0.0');
    await at.add('b.1.0');
    await when(() => at.children().length >= 2);
    await closes(at);
  });

  it('does not wait for a step that does not hear the signal', async () => {
    let busy = false;
    const step: Step = () => {
      busy = true;
      return new Promise<void>(() => undefined);
    };
    await using at = await bench({ step });
    await at.add('b.0.0');
    await when(() => busy);
    await closes(at);
  });

  it('does not wait for a Redis that is away', async () => {
    await using folder = await tempFolder();
    await using server = await startRedis({ folder: folder.path });
    let busy = false;
    const step: Step = (_request, signal) =>
      new Promise<void>((_, reject) => {
        busy = true;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    await using at = await bench({ step, url: server.url });
    await at.add('b.0.0');
    await when(() => busy);
    await server.stop();
    await closes(at);
  });
});

describe('the pool of render children', () => {
  it('a child that dies while it starts costs a try, and not the job for ever', async () => {
    const child = `if (!has('second')) { mark('second'); process.kill(process.pid, 'SIGKILL'); }
export default async () => mark('done');`;
    await using at = await bench({ child });
    await at.add('b.0.0');
    await when(() => at.has('done'));
    expect(at.children()).toHaveLength(2);
  }, 30_000);

  it('uses a child again for the next job', async () => {
    await using at = await bench({
      child: "export default async (job) => mark('done-' + job.data.request);",
    });
    for (const request of ['b.0.0', 'b.1.0', 'b.2.0']) {
      await at.add(request);
      await when(() => at.has(`done-${request}`));
    }
    expect(at.children()).toHaveLength(1);
  });
});
