import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { doctorCommand } from '../../../../src/cli/commands/doctor.ts';
import {
  scheduleListCommand,
  schedulePauseCommand,
  scheduleRemoveCommand,
  scheduleResumeCommand,
  scheduleRunCommand,
} from '../../../../src/cli/commands/schedule-actions.ts';
import { type ScheduleAddArguments, scheduleAddCommand } from '../../../../src/cli/commands/schedule-add.ts';
import type { Context } from '../../../../src/cli/context.ts';
import { Schedules } from '../../../../src/producer/schedules/schedules.ts';
import { signerOf } from '../../../../src/producer/schedules/signature.ts';
import { Closers } from '../../../../src/shared/base/disposables.ts';
import { ScheduleQueue } from '../../../../src/shared/queues/schedule-queue.ts';
import { runInContext } from '../../../support/cli-context.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

const BERLIN = { cron: '0 2 * * *', tz: 'Europe/Berlin' } as const;

const CAPPED = { cap: 1_000_000 } as const;

async function openDesk() {
  const closers = new Closers();
  const workshop = closers.use(await openWorkshop());
  const cli = closers.use(await workshopCli(workshop));
  const queue = closers.use(new ScheduleQueue(workshop.redis));
  let folder = '';
  await cli.run(async ({ cwd }) => {
    folder = cwd;
  });
  await writeFile(join(folder, 'list.csv'), 'id,prompt\nmug,"A red mug on oak"\n');
  /** Each night in Berlin with a cap of a dollar, unless the test says otherwise. */
  const add = (
    args: Partial<ScheduleAddArguments> = CAPPED,
    list: string[] = ['list.csv'],
    name = 'nightly',
  ) =>
    cli.run((context) =>
      scheduleAddCommand(context, name, list[0], {
        priority: 1_000,
        overlap: 'skip',
        recipe: 'original',
        ...(args.every === undefined ? BERLIN : {}),
        ...args,
      }),
    );
  const on = (
    command: (context: Context, name: string, args: { json?: true }) => Promise<number>,
    name = 'nightly',
  ) => cli.run((context) => command(context, name, {}));
  return {
    workshop,
    cli,
    queue,
    folder,
    schedules: new Schedules({
      store: workshop.shop.store,
      signer: signerOf(workshop.config, workshop.stack),
    }),
    add,
    on,
    list: async () => {
      const { out } = await cli.run((context) => scheduleListCommand(context, { json: true }));
      return JSON.parse(out) as Record<string, unknown>[];
    },
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}

describe('schedule add', () => {
  it('says what a run would cost and when the next one is, and sets the bell', async () => {
    await using desk = await openDesk();
    const { err } = await desk.add();
    expect(err).toContain('A run of the list as it is now: 1 shot, 1 image: 1 request to fal, $0.02');
    expect(err).toMatch(
      /Added nightly: \S+list\.csv, 0 2 \* \* \* \(Europe\/Berlin\), at most \$1\.00 a run/,
    );
    expect(err).toMatch(/Next run: \d{4}-\d\d-\d\d 02:00\./);
    expect(await desk.queue.standing()).toEqual([
      { name: 'nightly', rule: { kind: 'cron', ...BERLIN }, isAlive: true },
    ]);
    expect(await desk.list()).toMatchObject([
      { name: 'nightly', list: join(desk.folder, 'list.csv'), ...BERLIN, capUsd: 1, lastRun: null },
    ]);
    await writeFile(join(desk.folder, 'stock.csv'), 'id,prompt,variants\nmug,a mug,42\n');
    expect((await desk.add(CAPPED, ['stock.csv'], 'stock')).err).toContain(
      'The column variants makes 42 pictures of 1 row; a column that means something else in your shop: --ignore variants\n',
    );
  });

  it('the same again changes nothing; otherwise it replaces, and says what', async () => {
    await using desk = await openDesk();
    await desk.add();
    expect((await desk.add()).err).toContain('Unchanged nightly');
    const { err } = await desk.add({ ...CAPPED, every: '6h', quality: 'high' });
    expect(err).toMatch(/Replaces nightly: .* 0 2 \* \* \* .*\nAdded nightly: .* every 6h/);
    expect((await desk.add({ ...CAPPED, every: '6h', quality: 'high' })).err).toContain('Unchanged nightly');
    expect(await desk.list()).toMatchObject([{ cron: null, tz: null, everySeconds: 21_600 }]);
    const schedule = await desk.schedules.read('nightly');
    expect(schedule?.definition.options).toEqual({ recipe: 'original', quality: 'high' });
    expect(await desk.queue.standing()).toMatchObject([{ rule: { everyMs: 21_600_000 } }]);
  });

  it.each([
    ['no cap', {}, ['list.csv'], 'nightly', /spends while nobody looks: give --cap .* or --yes/],
    ['stdin', CAPPED, ['-'], 'nightly', /Standard input cannot be read anew/],
    ['no list', CAPPED, [], 'nightly', /Name the list that each run reads anew/],
    ['a list that is not there', CAPPED, ['lits.csv'], 'nightly', /There is no list lits\.csv/],
    ['a prompt', { prompt: 'A mug' }, ['list.csv'], 'nightly', /--prompt cannot be scheduled/],
    ['a batch', { batch: 'b' }, ['list.csv'], 'nightly', /--batch cannot be given/],
    ['a dry run', { dryRun: true as const }, ['list.csv'], 'nightly', /enqueue LIST --dry-run/],
    ['a name with a slash', CAPPED, ['list.csv'], 'a/b', /"a\/b" cannot name a schedule/],
    ['a name too long for a batch', CAPPED, ['list.csv'], 'n'.repeat(41), /1 to 40 letters/],
    [
      'an option that no model has',
      { ...CAPPED, quality: 'best' },
      ['list.csv'],
      'nightly',
      /--quality "best"/,
    ],
    ['a template that is not there', { ...CAPPED, template: '@no.txt' }, ['list.csv'], 'nightly', /no\.txt/],
  ])('refuses %s in one sentence, and adds nothing', async (_, args, list, name, sentence) => {
    await using desk = await openDesk();
    await expect(desk.add(args, list, name)).rejects.toThrow(sentence);
    expect(await desk.list()).toEqual([]);
  });

  it('takes --yes in place of a cap, and holds what stood in files as text', async () => {
    await using desk = await openDesk();
    await writeFile(join(desk.folder, 'prompt.txt'), 'Studio photo of {{id}}');
    await writeFile(join(desk.folder, 'list.csv'), 'id\nmug\n');
    await desk.add({ yes: true, template: '@prompt.txt' });
    const schedule = await desk.schedules.read('nightly');
    expect(schedule?.definition).toMatchObject({
      options: { template: 'Studio photo of {{id}}' },
      unlimited: true,
    });
    expect(schedule?.definition.cap).toBeUndefined();
    expect(JSON.stringify(schedule)).not.toContain('prompt.txt');
    expect(await desk.list()).toMatchObject([{ capUsd: null }]);
  });

  it('says so if an event that somebody dated ahead takes it away again', async () => {
    await using desk = await openDesk();
    const at = Date.parse('2099-01-01T00:00:00Z');
    await desk.schedules.writeEvent('nightly', { kind: 'remove', at }, 'a');
    await expect(desk.add()).rejects.toMatchObject({
      code: 'schedule_blocked',
      message: expect.stringMatching(/nightly\/events\/04070908800000-a\.json is dated 2099-01-01T00:00/),
    });
    expect(await desk.queue.standing()).toEqual([]);
  });

  it('is refused where no worker could ever hear of it', async () => {
    await using folder = await tempFolder();
    const args = { priority: 1_000, overlap: 'skip', cap: 1, ...BERLIN } as const;
    await expect(
      runInContext({ cwd: folder.path }, (context) => scheduleAddCommand(context, 'n', 'l.csv', args)),
    ).rejects.toThrow(/Set REDIS_URL and S3_BUCKET/);
  });

  it('is refused with a list at a web address, in one sentence', async () => {
    await using folder = await tempFolder();
    const args = { priority: 1_000, overlap: 'skip', cap: 1, simulate: true, ...BERLIN } as const;
    const add = runInContext({ cwd: folder.path }, (context) =>
      scheduleAddCommand(context, 'n', 'https://shop.example.com/list.csv?token=x', args),
    );
    await expect(add).rejects.toThrow(
      /^Lists at web addresses are not read yet: fetch the list to a file, or to s3:\/\/bucket\/key, and name that\.$/,
    );
  });
});

describe('schedule run', () => {
  it('queues the list at once as a batch with the cap, also of a paused schedule, and list tells of it', async () => {
    await using desk = await openDesk();
    await desk.add();
    await desk.on(schedulePauseCommand);
    const { out } = await desk.cli.run((context) => scheduleRunCommand(context, 'nightly', { json: true }));
    const { batch } = JSON.parse(out);
    expect(batch).toMatch(/^nightly-\d{8}T\d{4}(\d\d)?Z$/);
    expect(await desk.workshop.status(batch)).toMatchObject({ state: 'running', money: { capUsd: 1 } });
    await desk.workshop.startWorker();
    await desk.workshop.untilEnded(batch);
    expect(await desk.list()).toMatchObject([
      { state: 'paused', nextRun: null, lastRun: { outcome: 'queued', batch, state: 'done', costUsd: 0.02 } },
    ]);
    const { out: table } = await desk.cli.run((context) => scheduleListCommand(context, {}));
    expect(table).toMatch(new RegExp(`nightly .*paused .*queued, done: ${batch} +\\$0\\.02 +\\$1\\.00`));
  });

  it('of a list that is broken by now fails with its sentence, and list keeps it', async () => {
    await using desk = await openDesk();
    await desk.add();
    await writeFile(join(desk.folder, 'list.csv'), 'id,prompt\n');
    await expect(desk.on(scheduleRunCommand)).rejects.toThrow(/nightly failed: list\.csv is empty/);
    expect(await desk.list()).toMatchObject([
      { lastRun: { outcome: 'failed', batch: null, error: expect.stringContaining('is empty') } },
    ]);
    const { out, err } = await desk.cli.run((context) => scheduleListCommand(context, {}));
    expect(out).toContain('nightly failed: list.csv is empty');
    expect(err).toContain('no worker with the role schedule runs');
  });
});

describe('schedule pause, resume and remove', () => {
  it('take the bell away and set it again; a repeat changes nothing', async () => {
    await using desk = await openDesk();
    await desk.add();
    await desk.on(schedulePauseCommand);
    await desk.on(schedulePauseCommand);
    expect(await desk.queue.standing()).toEqual([]);
    // Changing it does not wake it.
    expect((await desk.add({ ...CAPPED, every: '6h' })).err).toContain('It is paused');
    expect(await desk.queue.standing()).toEqual([]);
    await desk.on(scheduleResumeCommand);
    expect((await desk.on(scheduleResumeCommand)).err).toContain('next run');
    expect(await desk.queue.standing()).toMatchObject([{ name: 'nightly', isAlive: true }]);
    await desk.on(scheduleRemoveCommand);
    expect(await desk.queue.standing()).toEqual([]);
    expect(await desk.list()).toEqual([]);
  });

  it('name the schedule that was meant', async () => {
    await using desk = await openDesk();
    await desk.add();
    for (const command of [
      schedulePauseCommand,
      scheduleResumeCommand,
      scheduleRemoveCommand,
      scheduleRunCommand,
    ]) {
      await expect(desk.on(command, 'nigthly')).rejects.toThrow(
        'There is no schedule nigthly: did you mean nightly?',
      );
    }
  });
});

describe('doctor', () => {
  it('warns of a schedule that nobody signed, and is content with signed ones', async () => {
    await using desk = await openDesk();
    await desk.add();
    const schedulesOf = async (more: Record<string, string> = {}) => {
      const { out } = await desk.cli.run(({ environment, ...context }) =>
        doctorCommand({ ...context, environment: { ...environment, ...more } }, { json: true }),
      );
      const { checks } = JSON.parse(out) as { checks: { name: string; outcome: string; message: string }[] };
      return checks.find(({ name }) => name === 'schedules');
    };
    expect(await schedulesOf()).toMatchObject({
      outcome: 'ok',
      message: '1 schedule can be read and is signed.',
    });
    // Without a key nobody can tell.
    const unverified =
      'no signature was checked, since neither FAL_KEY nor SCHEDULE_KEY is set; a worker runs only what is signed with its key.';
    expect(await schedulesOf({ FAL_KEY: '' })).toMatchObject({
      outcome: 'warning',
      message: `1 schedule can be read; ${unverified}`,
    });
    const { err } = await desk.cli.run(({ environment, ...context }) =>
      scheduleListCommand({ ...context, environment: { ...environment, FAL_KEY: '' } }, {}),
    );
    expect(err).toContain(`note: ${unverified}\n`);
    const unsigned = new Schedules({ store: desk.workshop.shop.store });
    await unsigned.writeEvent('nightly', { kind: 'resume', at: 1 }, 'a');
    const found = await schedulesOf();
    expect(found).toMatchObject({ outcome: 'warning' });
    expect(found?.message).toContain("is not signed with this program's key");
  });
});
