import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { assertBelow } from '../../../src/app/schedule-run-deps.ts';
import type { Definition, ScheduleEvent } from '../../../src/producer/schedules/schedule.ts';
import { Schedules } from '../../../src/producer/schedules/schedules.ts';
import { scheduleSigner } from '../../../src/producer/schedules/signer.ts';
import { objectKeys } from '../../../src/shared/store/keys.ts';
import type { ObjectStore } from '../../../src/shared/store/object-store.ts';
import { putJsonOnce } from '../../../src/shared/store/objects.ts';
import { LIST, openScheduling } from '../../support/scheduling.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const EVERY_2_S = { kind: 'every', everyMs: 2_000, anchorMs: 0 } as const;
const AT = 1_700_000_000_000;

/** Who may write to the bucket, and has no key. */
const plant = (store: ObjectStore, name: string, event: object, at = AT) =>
  putJsonOnce(store, objectKeys.scheduleEvent(name, at, 'a'), event);

async function brokenOf(schedules: Schedules): Promise<Record<string, string>> {
  const broken: Record<string, string> = {};
  await schedules.all((folder, error) => {
    broken[folder] = error instanceof Error ? error.message : String(error);
  });
  return broken;
}

describe('a definition that somebody wrote into the bucket', () => {
  const definition = { name: 'evil', rule: EVERY_2_S, overlap: 'queue', priority: 1 } as const;

  it('with the environment as its template is run by no worker, which says so and runs the others', async () => {
    await using scheduling = await openScheduling();
    const { workshop, list, schedules } = scheduling;
    const { store } = workshop.shop;
    const template = '@/proc/self/environ';
    await plant(store, 'evil', {
      kind: 'add',
      at: AT,
      definition: { ...definition, list, options: { template } },
    });
    await plant(store, 'meek', {
      kind: 'add',
      at: AT,
      definition: { ...definition, name: 'meek', list, cap: 1_000_000, options: { template } },
    });
    await scheduling.add({ name: 'nightly', rule: EVERY_2_S }, Date.now());
    await scheduling.startWorker();
    await scheduling.untilRuns('nightly', (runs) => runs.length > 0);
    await delay(100);
    expect(await scheduling.runs('evil')).toEqual([]);
    expect(await scheduling.runs('meek')).toEqual([]);
    const prompts = workshop.fal.book.entries().map(({ input }) => String(input['prompt']));
    expect(prompts.join()).not.toContain('PATH=');
    const broken = await brokenOf(schedules);
    // The one has no cap and no word that it needs none; the other looks right, and has no signature.
    expect(Object.keys(broken).sort()).toEqual(['evil', 'meek']);
    expect(broken['meek']).toContain("is not signed with this program's key");
  }, 30_000);

  it.each([
    ['a path for a recipe', { options: { recipe: '/etc/passwd.json' } }],
    ['an option that enqueue does not know', { options: { yes: true } }],
    ['an option of our own', { options: { resolved: 'x' } }],
    ['a relative list', { list: 'list.csv' }],
    ['neither cap nor unlimited', { cap: undefined }],
    ['both', { unlimited: true }],
    ['a field too many', { batch: 'x' }],
  ])('is refused with %s, signed or not', async (_, more) => {
    await using scheduling = await openScheduling();
    const { list, schedules } = scheduling;
    const whole = { ...definition, list, cap: 1_000_000, options: {}, ...more };
    await schedules.writeEvent('evil', { kind: 'add', at: AT, definition: whole as Definition }, 'a');
    expect(await brokenOf(schedules)).toHaveProperty('evil');
  });
});

describe('a signed definition', () => {
  const signer = scheduleSigner('the key of the workers');

  async function opened() {
    const scheduling = await openScheduling();
    const { store } = scheduling.workshop.shop;
    const schedules = new Schedules({ store, signer });
    const definition: Definition = {
      ...{ name: 'nightly', rule: EVERY_2_S, overlap: 'queue' as const, priority: 1 },
      ...{ list: scheduling.list, cap: 1_000_000, options: { template: '@literal' } },
    };
    await schedules.writeEvent('nightly', { kind: 'add', at: AT, definition }, 'a');
    const event = JSON.parse(
      String((await store.get(objectKeys.scheduleEvent('nightly', AT, 'a')))?.body),
    ) as ScheduleEvent & { definition: Definition };
    return { scheduling, store, schedules, definition, event };
  }

  it('is what was added, and counts with no other key', async () => {
    const { scheduling, store, schedules, definition } = await opened();
    await using _scheduling = scheduling;
    expect((await schedules.read('nightly'))?.definition).toEqual(definition);
    const others = new Schedules({ store, signer: scheduleSigner('another key') });
    expect(await others.read('nightly')).toBeUndefined();
    expect(await brokenOf(others)).toHaveProperty('nightly');
    expect(JSON.stringify(await brokenOf(schedules))).toBe('{}');
  });

  it('counts neither changed, nor moved to another schedule, nor said again at another time', async () => {
    const { scheduling, store, schedules, definition, event } = await opened();
    await using _scheduling = scheduling;
    const later = AT + 5_000;
    const changed = { ...definition, list: '/etc/passwd', cap: 9_000_000 };
    await plant(store, 'nightly', { ...event, at: later, definition: changed }, later);
    await plant(store, 'other', event);
    await schedules.writeEvent('nightly', { kind: 'pause', at: later + 1 }, 'a');
    // An old one under a new time, and one that says another time than its name.
    await plant(store, 'nightly', { ...event, at: later + 2 }, later + 2);
    await plant(store, 'nightly', event, later + 3);
    // A resume needs a signature, since it lets go on what a user has stopped; a pause stops, and needs none.
    await plant(store, 'nightly', { kind: 'resume', at: later + 4 }, later + 4);
    expect(await schedules.read('nightly')).toEqual({ definition, paused: true, sinceMs: AT });
    expect(await schedules.read('other')).toBeUndefined();
    expect(Object.keys(await brokenOf(schedules)).sort()).toEqual(['nightly', 'other']);
    await schedules.writeEvent('nightly', { kind: 'resume', at: later + 5 }, 'a');
    expect(await schedules.read('nightly')).toMatchObject({ paused: false });
  });
});

describe('SCHEDULE_FOLDER', () => {
  it('is the only folder that lists may lie below, also by a link', async () => {
    await using folder = await tempFolder();
    const [lists, other] = [join(folder.path, 'lists'), join(folder.path, 'lists-of-others')];
    for (const one of [lists, other]) {
      await mkdir(one);
      await writeFile(join(one, 'list.csv'), LIST);
    }
    await symlink(join(other, 'list.csv'), join(lists, 'link.csv'));
    await assertBelow(lists, join(lists, 'list.csv'));
    await assertBelow(lists, 's3://bucket/list.csv');
    await assertBelow(undefined, join(other, 'list.csv'));
    await assertBelow('/', join(other, 'list.csv'));
    await symlink(lists, join(folder.path, 'linked'));
    await assertBelow(join(folder.path, 'linked'), join(lists, 'list.csv'));
    for (const path of [join(other, 'list.csv'), join(lists, 'link.csv'), lists])
      await expect(assertBelow(lists, path)).rejects.toThrow('does not lie below SCHEDULE_FOLDER');
    // What leads nowhere may lead anywhere by the time that it is read.
    await symlink(join(lists, 'loop.csv'), join(lists, 'loop.csv'));
    for (const [path, code] of [
      [join(lists, 'none.csv'), 'ENOENT'],
      [`${lists}/none/../../lists-of-others/list.csv`, 'ENOENT'],
      [join(lists, 'loop.csv'), 'ELOOP'],
    ] as const)
      await expect(assertBelow(lists, path)).rejects.toMatchObject({
        code: 'schedule_folder',
        message: expect.stringMatching(`cannot be found.*${code}`),
      });
    await expect(assertBelow(join(folder.path, 'none'), join(lists, 'list.csv'))).rejects.toThrow(
      'cannot be opened (ENOENT)',
    );
  });
});
