import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { scheduleRunDepsOf, unseenContext } from '../../src/app/schedule-run-deps.ts';
import { signerOf } from '../../src/app/schedule-signature.ts';
import { startWork, type Work } from '../../src/app/worker.ts';
import type { RunDeps } from '../../src/producer/schedules/run.ts';
import type { Definition, ScheduleRun } from '../../src/producer/schedules/schedule.ts';
import { Schedules } from '../../src/producer/schedules/schedules.ts';
import { Closers } from '../../src/shared/base/disposables.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { ScheduleQueue } from '../../src/shared/queues/schedule-queue.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { tempFolder } from './temp-folder.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** A workshop with schedules, and a list file that a test may spoil. */
export interface Scheduling extends AsyncDisposable {
  readonly workshop: Workshop;
  readonly schedules: Schedules;
  readonly queue: ScheduleQueue;
  readonly list: string;
  /** What a worker runs with. */
  readonly runDeps: RunDeps;
  writeList(text: string): Promise<void>;
  /** Adds a schedule as `schedule add` does, at a moment of the test's choice; its bell is not set. */
  add(definition: Partial<Definition> & Pick<Definition, 'name' | 'rule'>, atMs: number): Promise<void>;
  /** A worker with the role `schedule` alone, which looks for lost schedules every 50 ms. */
  startWorker(): Promise<Work>;
  runs(name: string): Promise<ScheduleRun[]>;
  /** Reads the runs until they fit. Gives up after a minute. */
  untilRuns(name: string, fits: (runs: readonly ScheduleRun[]) => boolean): Promise<ScheduleRun[]>;
}

export const LIST = 'id,prompt\nmug,"A red mug on oak"\n';

export async function openScheduling(): Promise<Scheduling> {
  const closers = new Closers();
  const workshop = closers.use(await openWorkshop());
  const folder = closers.use(await tempFolder());
  const { shop, stack, config, redis } = workshop;
  const schedules = new Schedules({ store: shop.store, signer: signerOf(config, stack) });
  const queue = closers.use(new ScheduleQueue(redis));
  const list = join(folder.path, 'list.csv');
  await writeFile(list, LIST);
  const log = silentLogger;
  const context = unseenContext({}, log);

  async function runs(name: string): Promise<ScheduleRun[]> {
    const found: ScheduleRun[] = [];
    for await (const { key } of shop.store.list(objectKeys.scheduleRuns(name))) {
      const run = await schedules.readRun(name, Number(key.slice(-19, -5)));
      if (run !== undefined) found.push(run);
    }
    return found;
  }

  return {
    workshop,
    schedules,
    queue,
    list,
    runDeps: scheduleRunDepsOf({ context, shop, stack, config, schedules, queue, log }),
    runs,
    writeList: (text) => writeFile(list, text),
    async add(given, atMs) {
      const definition: Definition = {
        list,
        overlap: 'queue',
        cap: 1_000_000,
        priority: 1_000,
        options: { recipe: 'original' },
        ...given,
      };
      await schedules.writeEvent(given.name, { kind: 'add', at: atMs, definition }, 'a');
    },
    async startWorker() {
      return closers.use(
        await startWork({
          shop,
          stack,
          config,
          roles: new Set(['schedule']),
          environment: {},
          log,
          timing: { lockMs: 15_000, stalledIntervalMs: 15_000, sweepMs: 50 },
        }),
      );
    },
    async untilRuns(name, fits) {
      const deadlineMs = performance.now() + 60_000;
      for (;;) {
        const found = await runs(name);
        if (fits(found)) return found;
        if (performance.now() > deadlineMs) throw new Error(`never came to pass: ${JSON.stringify(found)}`);
        await delay(20);
      }
    },
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}
