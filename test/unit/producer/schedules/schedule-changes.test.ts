import { describe, expect, it } from '@jest/globals';
import type { Definition, ScheduleEvent } from '../../../../src/producer/schedules/schedule.ts';
import { Schedules } from '../../../../src/producer/schedules/schedules.ts';
import { scheduleSigner } from '../../../../src/producer/schedules/signer.ts';
import { objectKeys } from '../../../../src/shared/store/keys.ts';
import { putJsonOnce } from '../../../../src/shared/store/objects.ts';
import { mapStore } from '../../../support/map-store.ts';

const AT = 1_700_000_000_000;
const AHEAD = Date.parse('2099-01-01T00:00:00Z');

const definition: Definition = {
  name: 'nightly',
  list: '/lists/list.csv',
  rule: { kind: 'every', everyMs: 60_000, anchorMs: 0 },
  overlap: 'skip',
  cap: 1_000_000,
  priority: 1,
  options: {},
};
const add = { kind: 'add', at: AT, definition } as const;

async function opened({ isSigned = true } = {}) {
  const store = mapStore();
  const signer = isSigned ? scheduleSigner('the key of the workers') : undefined;
  const schedules = new Schedules({ store, signer });
  await schedules.change('nightly', add, 'a');
  return {
    schedules,
    /** An event under the key of another moment than it says. */
    plant: (event: object, at: number, name = 'nightly') =>
      putJsonOnce(store, objectKeys.scheduleEvent(name, at, 'z'), event),
    refused: async () => {
      const said: string[] = [];
      await schedules.all((_folder, error) => said.push(String(error)));
      return said;
    },
  };
}

describe('an event whose key has another time than itself', () => {
  it.each([
    ['a removal', { kind: 'remove', at: AT + 1 }],
    ['a pause', { kind: 'pause', at: AT + 1 }],
    ['a removal of an earlier time', { kind: 'remove', at: 1 }],
  ])('counts for nothing, though nothing needs to sign it: %s', async (_name, event) => {
    const { schedules, plant, refused } = await opened();
    await plant(event, AHEAD);
    expect(await schedules.read('nightly')).toEqual({ definition, paused: false, sinceMs: AT });
    expect(await refused()).toEqual([expect.stringContaining('says another time or name than its own')]);
  });

  it('counts for nothing, too, for a process that has no key', async () => {
    const { schedules, plant, refused } = await opened({ isSigned: false });
    await plant({ ...add, definition: { ...definition, cap: 9_000_000 } }, AT + 1);
    await plant(add, AT, 'other');
    expect((await schedules.read('nightly'))?.definition.cap).toBe(1_000_000);
    expect(await schedules.read('other')).toBeUndefined();
    expect(await refused()).toHaveLength(2);
  });
});

describe('what somebody dated ahead', () => {
  const later = AT + 1_000;
  it.each<[ScheduleEvent['kind'], ScheduleEvent, ScheduleEvent]>([
    ['add', { kind: 'remove', at: AHEAD }, { ...add, at: later, definition: { ...definition, cap: 2 } }],
    ['resume', { kind: 'pause', at: AHEAD }, { kind: 'resume', at: later }],
    ['remove', { ...add, at: AHEAD }, { kind: 'remove', at: later }],
    ['pause', { kind: 'resume', at: AHEAD }, { kind: 'pause', at: later }],
  ])('does not let %s go by in silence', async (_kind, ahead, change) => {
    const { schedules } = await opened();
    await schedules.writeEvent('nightly', ahead, 'z');
    await expect(schedules.change('nightly', change, 'a')).rejects.toMatchObject({
      code: 'schedule_blocked',
      message: expect.stringMatching(
        /^nightly is not as you asked: _shotlist\/schedules\/nightly.*-z\.json is dated 2099-01-01T00:00:00\.000Z, later than now/,
      ),
    });
  });

  it('is no matter where it says the same', async () => {
    const { schedules } = await opened();
    await schedules.change('nightly', { kind: 'pause', at: later }, 'a');
    await schedules.change('nightly', { ...add, at: later + 1 }, 'a');
    await schedules.change('nightly', { kind: 'resume', at: later + 2 }, 'a');
    await schedules.change('nightly', { kind: 'remove', at: later + 3 }, 'a');
    await schedules.change('nightly', { kind: 'remove', at: later + 4 }, 'a');
    expect(await schedules.read('nightly')).toBeUndefined();
  });
});
