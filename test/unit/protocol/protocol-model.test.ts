import { describe, expect, it } from '@jest/globals';
import { TRANSITIONS } from '../../../src/shared/requests/states.ts';
import { play } from '../../support/protocol/scheduler.ts';
import { LISTS, scheduleOf } from '../../support/protocol/schedules.ts';
import { SHOWN_BY } from '../../support/protocol/shown-by.ts';
import { explore, MUTATIONS } from '../../support/protocol-model.ts';

/** Fixed, so that a red run is red again, and one by which each break shows early. */
const SEED = 7;
/** More schedules and other ones by hand: docs/states.md. */
const seed = Number(process.env['PROTOCOL_SEED'] ?? SEED);
const runs = Number(process.env['PROTOCOL_RUNS'] ?? 3_000);
/** From the schedule on that is known to show the break: some more, since a step that is added to the model shifts all. */
const MUTANT_RUNS = 2_000;
const TIME_LIMIT_MS = runs > 3_000 ? 3_600_000 : 30_000;

/** Steps of the table that no schedule of the model can take, and why. */
const OUTSIDE_THE_MODEL = [
  // Reads fal's bill, which the model has as the judge of all others.
  'attach planned',
  'attach held',
  // What ends a request here is fal's word or a render that never ends; other reasons change nothing in the money.
  'fail planned',
  'fail generated',
];

/** Taken in long runs alone: after a rebuild, the durable copy of an id names somebody else. */
const RARE = ['lose submitted'];

/** What a finding speaks of. */
const PROMISES = /bill|ledger|charged|cap|lost|paid|reserved|submitted|delivered|spent/;

const isMutation = (name: string): name is keyof typeof MUTATIONS => name in MUTATIONS;

describe('the money protocol', () => {
  it(
    `keeps every promise in ${runs} schedules of crashes, zombies, lost answers and tight caps (seed ${seed})`,
    () => {
      const used = new Set<string>();
      const ends = new Set<string>();
      const finding = explore({
        runs,
        seed,
        onWorld: (world) => {
          for (const step of world.used) used.add(step);
          for (const { state } of world.records.values()) ends.add(state);
        },
      });
      expect(finding?.report).toBeUndefined();

      // The silence means something: every step of the table was taken, and every end was reached.
      const steps = Object.entries(TRANSITIONS).flatMap(([name, { from }]) =>
        from.map((each) => `${name} ${each}`),
      );
      const missed = steps.filter((step) => !used.has(step) && !RARE.includes(step));
      expect(missed.toSorted()).toEqual(OUTSIDE_THE_MODEL.toSorted());
      expect([...ends].toSorted()).toEqual(['cancelled', 'delivered', 'failed', 'held']);
    },
    TIME_LIMIT_MS,
  );

  it('is explored the same way each time by the same seed', () => {
    const traces = [1, 2].map(() =>
      Array.from({ length: 20 }, (_, nth) => {
        const { scenario, choices } = scheduleOf(seed, nth, undefined);
        // Where it is traced, also what only looks is held to have changed nothing.
        return play(scenario, choices, undefined, 'traced').trace ?? [];
      }).flat(),
    );
    expect(traces[0]?.length).toBeGreaterThan(100);
    expect(traces[0]).toEqual(traces[1]);
  });

  // Found by long runs, in their shortest form, or made by hand.
  it.each([
    {
      // Redis forgets that a record was taken in hand, and gives one epoch to two runs; seed 403 of an earlier explorer.
      rule: 'keeps a run out of a round that is not its own, though its epoch is the record’s',
      without: 'no-round-check',
      breaks: 'in doubt without an intent',
      processes: 1,
      list: 0,
      choices: [
        0, 0, 12_905_288, 0, 1_812_028, 461_640, 1_926_980, 10_175_304, 5_766_580, 0, 8_466_248, 7_884_641,
        2_409_386, 10_911_820, 0, 7_626_568,
      ],
    },
    {
      // A run of before a rebuild wrote its intent behind it, in a round that the request was short of; seed 541.
      rule: 'goes on after a rebuild in rounds that no run of before can be in',
      without: 'doubt-in-the-next-round',
      breaks: 'the ledger',
      processes: 2,
      list: 0,
      choices: [
        504_320, 3_730_432, 5_304_136, 15_044_352, 9_377_608, 10_473_288, 10_841_600, 2_507_520, 16_105_544,
        8_668_488, 13_931_188, 703_816, 13_239_296, 14_127_944, 9_471_560, 3_185_478, 13_725_000, 1_469_555,
        11_902_280, 0, 0, 704_840, 0, 5_656_648, 4_992_000, 12_297_428, 3_998_420, 5_418_452, 4_510_024,
        1_041_152, 15_422_676, 1_724_232, 1_116_160, 0, 1_779_791, 9_285_290, 7_846_912, 16_411_904,
        10_293_832, 9_540,
      ],
    },
    {
      // The rival that found our entry has its own in the list only after our time; by hand.
      rule: 'waits for everybody who found an entry that may be ours',
      without: 'absent-at-own-time',
      breaks: 'the ledger',
      processes: 1,
      list: 3,
      choices: [
        0, 196_864, 393_289, 196_820, 131_284, 131_284, 393_289, 256, 0, 393_290, 256, 393_546, 327_892,
        327_892, 262_356, 262_356, 262_356, 65_748, 212, 212, 237, 393_290,
      ],
    },
    {
      // The list stands still past T and shows the rival's entry alone, whose window does not reach back to ours; by hand.
      rule: 'waits for a list that is up to date before it takes an entry among rivals',
      without: 'adopt-without-fresh',
      breaks: 'the ledger',
      processes: 1,
      list: 3,
      choices: [
        196_608, 393_289, 393_289, 256, 262_356, 393_289, 393_289, 0, 196_820, 230, 393_428, 393_290, 393_290,
      ],
    },
    {
      // A run of before a rebuild wrote the id down between the look at the round and the one at the entries; seed 901.
      rule: 'takes the id that another run of its round has just written down',
      without: 'own-id-is-explained',
      breaks: 'charged twice',
      processes: 1,
      list: 3,
      choices: [
        0, 13_876_820, 1_249_352, 12_616_518, 4_197_960, 428_872, 3_549_952, 0, 0, 5_440_724, 5_222_128,
        7_168_072, 8_753_392, 12_186_603, 8_828_488, 5_345_096,
      ],
    },
  ] as const)('$rule', ({ without, breaks, processes, list, choices }) => {
    const caps = { batch: 1_000_000, day: 1_000_000, month: 1_000_000 };
    const requests = LISTS[list] ?? [];
    const shows = ['posted'] as const;
    const scenario = { falAheadS: 0, processes, lossy: true, forgetful: true, requests, caps, shows };
    expect(() => play(scenario, choices, without)).toThrow(breaks);
    expect(play(scenario, choices).intents.size).toBeGreaterThan(0);
  });

  it.each(Object.entries(SHOWN_BY))('is found broken by %s (from schedule %i on)', (mutation, first) => {
    if (!isMutation(mutation)) throw new Error(`${mutation} is no mutation.`);
    const finding = explore({ seed: SEED, first, runs: MUTANT_RUNS, mutation, unshrunk: true });
    const unseen = `unseen; find it anew: npm run protocol -- --seed ${SEED} --runs 1000000 --mutation ${mutation}`;
    expect(finding?.report ?? unseen).toMatch(PROMISES);
    // And it is the break that it shows.
    expect(() => finding && play(finding.scenario, finding.choices)).not.toThrow();
  });
});
