import { describe, expect, it, jest } from '@jest/globals';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { unknownAdoptCommand, unknownListCommand } from '../../../../src/cli/commands/unknown.ts';
import { EXIT } from '../../../../src/cli/context.ts';
import { SHOWN_INPUTS, type ShownInput } from '../../../../src/local/fal/history-view.ts';
import {
  expectLedgerIsBook,
  expectMoneyAtRest,
  expectPaidOnce,
  ledgerOf,
} from '../../../support/accounts.ts';
import { makeAnother } from '../../../support/another-picture.ts';
import { submit } from '../../../support/fal.ts';
import { openWorkshop, type Workshop, type WorkshopOptions } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

/** T is two and a half seconds behind each intent. */
const QUICK = {
  settings: { FAL_START_TIMEOUT_S: '1', FAL_UNKNOWN_MARGIN_S: '1' },
  postWindowMs: 500,
} as const satisfies WorkshopOptions;

const SHOTS = Array.from({ length: 12 }, (_, at) => ({
  id: `cup-${at}`,
  prompt: `a cup with ${'a rim and '.repeat(at)}a handle`,
}));

/** Of each second shot fal accepts the POST, and its answer is lost, once. */
function loseHalf({ fal }: Workshop): void {
  for (const { prompt } of SHOTS.filter((_, at) => at % 2 === 0))
    fal.faults.add({
      on: 'submit',
      kind: 'accepted-then-reset',
      times: 1,
      when: ({ input }) => input?.['prompt'] === prompt,
    });
}

const lostIn = (workshop: Workshop, batch: string) =>
  workshop.untilStatus(batch, ({ state, counts }) => state === 'held' && counts.unknown > 0);

/** As the user does who looks at fal's dashboard, which shows each request with its prompt. */
async function adoptByDashboard(workshop: Workshop): Promise<void> {
  await using cli = await workshopCli(workshop);
  const { out } = await cli.run((context) => unknownListCommand(context, undefined, { json: true }));
  for (const { request, shot, outlook, candidates } of JSON.parse(out)) {
    expect(outlook).toBe('unclear');
    const prompt = SHOTS.find(({ id }) => id === shot)?.prompt;
    const mine = workshop.fal.book.entries().find(({ input }) => input['prompt'] === prompt)?.requestId ?? '';
    // It is among those that the list names.
    expect(candidates).toContain(mine);
    await cli.run((context) => unknownAdoptCommand(context, request, mine, {}));
  }
}

/** Where the list hides what was asked for, a user must look. */
const TELLS_NOTHING: readonly ShownInput[] = ['hidden', 'without-prompt', 'shortened'];

describe('twelve shots of which six answers are lost', () => {
  it.each(SHOWN_INPUTS)('are paid twelve times where the list shows inputs %s', async (listInput) => {
    await using workshop = await openWorkshop({ ...QUICK, fal: { listInput } });
    loseHalf(workshop);
    const batch = await workshop.enqueueRows(SHOTS);
    await workshop.startWorker();
    if (TELLS_NOTHING.includes(listInput)) {
      const held = await lostIn(workshop, batch);
      expect(held).toMatchObject({ counts: { delivered: 6, unknown: 6 } });
      expect(held.heldReason).toMatch(/^unclear: .*shotlist unknown list/);
      // What is made later changes nothing about that.
      await makeAnother(workshop);
      expect(workshop.fal.book.entries()).toHaveLength(SHOTS.length + 1);
      await adoptByDashboard(workshop);
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 12 } });
      await expectPaidOnce(workshop, batch, 'later');
      await expectMoneyAtRest(workshop, batch, 'later');
    } else {
      expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 12 } });
      await expectPaidOnce(workshop, batch);
      await expectMoneyAtRest(workshop, batch);
    }
    expect(workshop.fal.book.entries().length).toBe(workshop.fal.book.charged().length);
    await expectLedgerIsBook(workshop);
  });

  it('are paid twelve times where each entry comes in its own time and is shown in its own way', async () => {
    const kinds = ['as-posted', 'filled', 'filled-wrongly', 'retyped', 'shortened', 'hidden'] as const;
    await using workshop = await openWorkshop({
      ...QUICK,
      fal: {
        seed: process.env['TEST_SEED'] ?? 'each its own',
        // By the prompt, so that of the lost ones there is one of each kind, in every order that they come in.
        listInput: ({ prompt }) =>
          kinds[Math.floor(SHOTS.findIndex((shot) => shot.prompt === prompt) / 2)] ?? 'hidden',
        listLagMs: (_, random) => random() * 800,
      },
    });
    loseHalf(workshop);
    const batch = await workshop.enqueueRows(SHOTS);
    // Of somebody else with the same key, at the same time.
    for (const { prompt } of SHOTS.slice(0, 3))
      await submit(workshop.fal, { prompt: `${prompt}, and a saucer`, quality: 'low' });
    await workshop.startWorker();
    await lostIn(workshop, batch);
    await adoptByDashboard(workshop);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 12 } });
    expect(workshop.fal.book.entries()).toHaveLength(SHOTS.length + 3);
    const ours = SHOTS.map(({ prompt }) => prompt);
    const paid = (await ledgerOf(workshop)).map(({ requestId }) => requestId);
    const posted = workshop.fal.book.charged().filter(({ input }) => ours.includes(String(input['prompt'])));
    expect(paid.sort()).toEqual(posted.map(({ requestId }) => requestId).sort());
  });
});

describe('a submit that never reached fal', () => {
  async function lostOnTheWay(options: WorkshopOptions = {}) {
    const workshop = await openWorkshop({ ...QUICK, ...options });
    const [first] = SHOTS;
    workshop.fal.faults.add({
      on: 'submit',
      kind: 'reset',
      times: 1,
      when: ({ input }) => input?.['prompt'] === first?.prompt,
    });
    const batch = await workshop.enqueueRows(SHOTS.slice(0, 3));
    await workshop.startWorker();
    return { workshop, batch };
  }

  it('is made again once a later request shows that the list is up to date, and the batch says so meanwhile', async () => {
    // Longer than fal's clock may be ahead, by the whole seconds of its answers.
    const { workshop, batch } = await lostOnTheWay({ fal: { latencyMs: 1_200 } });
    await using _workshop = workshop;
    const held = await lostIn(workshop, batch);
    expect(held).toMatchObject({ counts: { delivered: 2, unknown: 1 } });
    expect(held.heldReason).toMatch(/^no_control: .*the next picture made with the model decides/);
    await using cli = await workshopCli(workshop);
    const { out } = await cli.run((context) => unknownListCommand(context, batch, {}));
    expect(out).toContain('The next picture made with the model decides it.');
    const watched = await cli.run((context) => statusCommand(context, batch, { watch: true }));
    expect(watched.result).toBe(EXIT.held);
    await makeAnother(workshop);
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3 } });
    await expectPaidOnce(workshop, batch, 'later');
    await expectLedgerIsBook(workshop);
  });

  it('is not made again by a list that stands still, whatever is made meanwhile', async () => {
    const { workshop, batch } = await lostOnTheWay({ fal: { latencyMs: 200 } });
    await using _workshop = workshop;
    await workshop.untilStatus(batch, ({ counts }) => counts.unknown === 1);
    workshop.fal.list.freeze();
    await lostIn(workshop, batch);
    await makeAnother(workshop);
    const request = `${batch}.0.0`;
    await workshop.shop.queues.hurry('collect', { request, round: 0, priority: 1 });
    expect(await lostIn(workshop, batch)).toMatchObject({ counts: { unknown: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(3);
    workshop.fal.list.thaw();
    await makeAnother(workshop, 'thawed');
    expect(await workshop.untilEnded(batch)).toMatchObject({ counts: { delivered: 3 } });
    await expectPaidOnce(workshop, batch, 'later', 'thawed');
  });

  it('is not made again by a list that does not tell inputs apart', async () => {
    const { workshop, batch } = await lostOnTheWay({ fal: { listInput: 'shortened' } });
    await using _workshop = workshop;
    await lostIn(workshop, batch);
    await makeAnother(workshop);
    expect(await lostIn(workshop, batch)).toMatchObject({ counts: { unknown: 1 } });
    expect(workshop.fal.book.entries()).toHaveLength(3);
  });
});
