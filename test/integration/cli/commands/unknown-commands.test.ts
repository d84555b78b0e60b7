import { describe, expect, it } from '@jest/globals';
import { openHouse } from '../../../../src/app/steps.ts';
import { cancelCommand } from '../../../../src/cli/commands/cancel.ts';
import {
  unknownAbsentCommand,
  unknownAdoptCommand,
  unknownJson,
  unknownListCommand,
} from '../../../../src/cli/commands/unknown.ts';
import { absentUnknown } from '../../../../src/operations/reconcile/decide.ts';
import { listUnknowns } from '../../../../src/operations/reconcile/unknowns-list.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { expectLedgerIsBook, expectMoneyAtRest } from '../../../support/accounts.ts';
import { openWorkshop, type Workshop } from '../../../support/workshop.ts';
import { type WorkshopCli, workshopCli } from '../../../support/workshop-cli.ts';

/** One shot whose submit was accepted and whose answer was lost, while fal's list is down; no worker runs any more. */
async function lostAnswer(workshop: Workshop, columns: Record<string, string> = {}) {
  workshop.fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
  workshop.fal.faults.add({ on: 'list', kind: 'status', status: 500 });
  const batch = await workshop.enqueueRows([{ id: 'tee', prompt: 'a tee', ...columns }]);
  {
    await using _worker = await workshop.startWorker();
    await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
  }
  return { batch, request: `${batch}.0.0` };
}

/** What the command decides with, but for a submit that may be under way: here it is not. */
function decideDeps({ shop }: Workshop) {
  const house = openHouse(shop, { clean: (text) => text, log: silentLogger });
  const more = { priorityOf: async () => 1, eventId: () => 'e', clock: Date.now, postWindowMs: 0 };
  return { ...shop, house, ...more };
}

const modelOf = (endpoint: string) => defaultRegistry().get(endpoint);

async function outlookAt({ shop }: Workshop, nowMs: number) {
  const limits = {
    postWindowMs: 30_000,
    startTimeoutS: 600,
    unknownMarginS: 300,
    clock: () => nowMs,
    modelOf,
    onOdd: (error: Error) => {
      throw error;
    },
  };
  for await (const { outlook } of listUnknowns(undefined, { ...shop, ...limits })) return outlook.kind;
  return undefined;
}

async function listed(cli: WorkshopCli, batch?: string) {
  const { out } = await cli.run((context) => unknownListCommand(context, batch, { json: true }));
  return JSON.parse(out);
}

describe('unknown list', () => {
  it('names each request with its money, since when, and when it will be found out', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    const [line, ...more] = await listed(cli);
    expect(more).toEqual([]);
    expect(line).toMatchObject({ request, batch, shot: 'tee', reservedUsd: 0.02, outlook: 'waiting' });
    expect(Date.parse(line.provenAt) - Date.parse(line.since)).toBe((30 + 600 + 300) * 1_000);
    const { out } = await cli.run((context) => unknownListCommand(context, batch, {}));
    expect(out).toContain(request);
    expect(out).toContain('Nothing to do while a worker runs');
  });

  it('says what a person must do about a sync_mode request', async () => {
    await using workshop = await openWorkshop({
      settings: { FAL_START_TIMEOUT_S: '1', FAL_UNKNOWN_MARGIN_S: '0' },
    });
    await using cli = await workshopCli(workshop);
    const { request } = await lostAnswer(workshop, { sync_mode: 'true' });
    expect(await listed(cli)).toMatchObject([
      {
        outlook: 'unprovable',
        provenAt: null,
        advice: expect.stringContaining(`unknown adopt ${request} FAL_ID`),
      },
    ]);
  });

  it('tells of the time of another request that one waits for, as the run in hand noted it, until it is decided', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { request } = await lostAnswer(workshop);
    const { records } = workshop.shop;
    const record = await records.read(request);
    if (record === undefined) throw new Error('the record is gone');
    const [{ provenAt }] = await listed(cli);
    const theirsMs = Date.parse(provenAt) + 60_000;
    await records.noteProof({ ...record, epoch: record.epoch + 1 }, theirsMs);
    await records.noteProof({ ...record, round: record.round + 1 }, theirsMs);
    expect(await listed(cli)).toMatchObject([{ outlook: 'waiting', provenAt }]);
    await records.noteProof(record, theirsMs);
    expect(await listed(cli)).toMatchObject([
      {
        outlook: 'behind',
        provenAt: new Date(theirsMs).toISOString(),
        advice: expect.stringContaining('waits for another request with the same input'),
      },
    ]);
    expect(await outlookAt(workshop, theirsMs + 60_000)).toBe('behind');
    expect(await outlookAt(workshop, theirsMs + 60_001)).toBe('overdue');
    await absentUnknown(request, decideDeps(workshop));
    expect(await records.read(request)).toMatchObject({ state: 'planned', provenAtMs: undefined });
  });

  it('says of an overdue request whether a worker is missing, or fal cannot be read', () => {
    const one = { request: 'b.0.0', batch: 'b', shot: 'tee', sinceMs: 0, reserved: 20_000 };
    const overdue = { ...one, outlook: { kind: 'overdue', provenAtMs: 930_000 } } as const;
    expect(unknownJson(overdue, { collectors: 0 }).advice).toContain('start one with shotlist worker');
    expect(unknownJson(overdue, { collectors: 2 }).advice).toContain("fal's list cannot be read");
  });

  it('has nothing to say where nothing is unknown, and refuses a batch that is not there', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    expect(await listed(cli)).toEqual([]);
    await expect(listed(cli, 'nowhere')).rejects.toThrow('There is no batch nowhere');
  });
});

describe('unknown adopt', () => {
  it("gives the request fal's id, however often it is said, and a worker delivers what was paid", async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    const [paid] = workshop.fal.book.entries();
    const adopt = () =>
      cli.run((context) => unknownAdoptCommand(context, request, paid?.requestId ?? '', { json: true }));
    expect(JSON.parse((await adopt()).out)).toEqual({ request, outcome: 'done', state: 'submitted' });
    expect(JSON.parse((await adopt()).out)).toEqual({ request, outcome: 'already', state: 'submitted' });
    expect(await workshop.shop.journal.events(batch)).toMatchObject([
      { kind: 'adopt', row: 0, part: 0, round: 0, requestId: paid?.requestId },
    ]);
    // So that the entry is explained to all who look for theirs.
    const owner = await workshop.shop.journal.readId(paid?.requestId ?? '');
    expect(owner).toMatchObject({ how: 'decided', row: 0 });
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    await expectLedgerIsBook(workshop);
    await expectMoneyAtRest(workshop, batch);
    expect(workshop.fal.book.entries()).toHaveLength(1);
  });

  it('refuses an id that another request has, and a request that is not unknown', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const first = await workshop.enqueueRows([{ id: 'mug', prompt: 'a mug' }]);
    {
      await using _worker = await workshop.startWorker();
      await workshop.untilEnded(first);
    }
    const [mug] = workshop.fal.book.entries();
    const { request } = await lostAnswer(workshop);
    const adopt = (one: string) =>
      cli.run((context) => unknownAdoptCommand(context, one, mug?.requestId ?? '', {}));
    await expect(adopt(request)).rejects.toThrow("is another request's already");
    await expect(adopt('nothing')).rejects.toThrow('There is no request nothing');
    const path = '../../../v1/models/pricing?x#';
    const noId = cli.run((context) => unknownAdoptCommand(context, request, path, {}));
    await expect(noId).rejects.toThrow('is no request id of fal');
    const other = cli.run((context) => unknownAdoptCommand(context, `${first}.0.0`, 'r-9', {}));
    await expect(other).rejects.toThrow('is delivered');
    expect(await listed(cli)).toHaveLength(1);
  });

  it('finishes and keeps it in a cancelled batch, and says so', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    await cli.run((context) => cancelCommand(context, batch, {}));
    const requestId = workshop.fal.book.entries()[0]?.requestId ?? '';
    const { err } = await cli.run((context) => unknownAdoptCommand(context, request, requestId, {}));
    expect(err).toContain('its batch was cancelled, but this one is paid for');
    await workshop.startWorker();
    const ended = await workshop.untilStatus(batch, ({ counts }) => counts.delivered === 1);
    expect(ended).toMatchObject({ state: 'cancelled', money: { spentUsd: 0.02, reservedUsd: 0 } });
  });

  it('is refused for a submit that fal refused, as the store says', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    await workshop.shop.journal.closeRound({ batch, row: 0, part: 0, round: 0, at: Date.now() });
    const adopt = cli.run((context) => unknownAdoptCommand(context, request, 'an-id', {}));
    await expect(adopt).rejects.toThrow(`fal refused ${request}`);
    expect(await workshop.shop.journal.events(batch)).toEqual([]);
  });
});

describe('unknown absent', () => {
  it('is refused without --yes, with what it risks, and while the submit may be under way', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { request } = await lostAnswer(workshop);
    const absent = (args: { yes?: true }) =>
      cli.run((context) => unknownAbsentCommand(context, request, args));
    await expect(absent({})).rejects.toThrow('paid for twice');
    await expect(absent({ yes: true })).rejects.toThrow('may still be under way');
    expect(await listed(cli)).toHaveLength(1);
  });

  it('plans it again, and a repeat does nothing more', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    const { shop } = workshop;
    const decide = () => absentUnknown(request, decideDeps(workshop));
    expect(await decide()).toEqual({ outcome: 'done', state: 'planned' });
    expect(await decide()).toEqual({ outcome: 'already', state: 'planned' });
    expect(await listed(cli)).toEqual([]);
    expect(await shop.journal.events(batch)).toMatchObject([{ kind: 'absent', round: 0 }]);
    expect((await shop.batches.read(batch))?.reserved).toBe(0);
  });

  it('cancels it in a cancelled batch, and says that this cost nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    await cli.run((context) => cancelCommand(context, batch, {}));
    expect(await absentUnknown(request, decideDeps(workshop))).toEqual({
      outcome: 'done',
      state: 'cancelled',
    });
    expect(await workshop.status(batch)).toMatchObject({
      state: 'cancelled',
      counts: { cancelled: 1 },
      money: { reservedUsd: 0, spentUsd: 0 },
    });
  });

  it("is refused where the store knows fal's id, and so is another id; a worker collects it", async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const { batch, request } = await lostAnswer(workshop);
    const requestId = workshop.fal.book.entries()[0]?.requestId ?? '';
    // As a run leaves it that was frozen over a loss of Redis: it wrote the id down, and the record does not know of it.
    const name = { batch, row: 0, part: 0, round: 0 };
    await workshop.shop.journal.takeId({ ...name, requestId, at: Date.now(), how: 'answered' });
    await expect(absentUnknown(request, decideDeps(workshop))).rejects.toThrow(
      'a worker collects it by itself',
    );
    const adopt = (id: string) => cli.run((context) => unknownAdoptCommand(context, request, id, {}));
    await expect(adopt('another-id')).rejects.toThrow(`fal accepted ${request} as ${requestId}`);
    expect(await workshop.shop.journal.events(batch)).toEqual([]);
    await workshop.startWorker();
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(1);
    await expectMoneyAtRest(workshop, batch);
  });
});

it('unknown absent that froze in the middle is no word on the next round, which did arrive', async () => {
  await using workshop = await openWorkshop();
  const { faults, book } = workshop.fal;
  faults.add({ on: 'submit', kind: 'reset', times: 1 });
  faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
  faults.add({ on: 'list', kind: 'status', status: 500 });
  const batch = await workshop.enqueueRows([{ id: 'tee', prompt: 'a tee' }]);
  const request = `${batch}.0.0`;
  await workshop.startWorker();
  await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
  const deps = decideDeps(workshop);
  const { journal } = deps;
  const frozen = {
    ...deps,
    eventId: () => 'frozen',
    journal: {
      readId: journal.readId.bind(journal),
      readIntent: journal.readIntent.bind(journal),
      outcomeOfRound: journal.outcomeOfRound.bind(journal),
      takeId: journal.takeId.bind(journal),
      async writeEvent(...args: Parameters<typeof journal.writeEvent>) {
        await journal.writeEvent(...args);
        expect(await absentUnknown(request, deps)).toMatchObject({ outcome: 'done' });
        await workshop.untilStatus(
          batch,
          ({ counts }) => counts.unknown === 1 && book.entries().length === 1,
        );
      },
    },
  };

  expect(await absentUnknown(request, frozen)).toEqual({ outcome: 'already', state: 'unknown' });
  expect(book.entries()).toHaveLength(1);
}, 60_000);
