import type { FalSimulator } from '../../src/local/fal/simulator.ts';
import { DECIDE_AFTER_MS } from './commands.ts';
import { rowsOf, untilTrue } from './operation-rows.ts';
import type { Operation } from './operations.ts';
import type { Stage } from './stage.ts';

/** fal's list of requests is down, so that a person has to decide; it is there again when that is done. */
const asked = {
  prepare({ faults }: FalSimulator) {
    faults.add({ on: 'list', kind: 'unavailable', when: () => !isBack.has(faults) });
  },
  async heal({ fal }: Stage) {
    isBack.add(fal.faults);
  },
};
const isBack = new WeakSet<object>();

/** The answer was lost, and the request did arrive. */
export const ADOPTED: Operation = {
  command: 'unknown-adopt',
  list: { batch: 'adopted', rows: rowsOf('a mug', 'a bowl') },
  ends: new Map(),
  prepare(fal) {
    asked.prepare(fal);
    fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1, when: isFirst });
  },
  heal: asked.heal,
  before: untilUnknown('adopted', 0),
  falId: ({ fal }) => fal.book.entries().find(({ input }) => input['prompt'] === 'a mug')?.requestId,
  zombieWakes: async () => undefined,
};

/** It did not arrive; and when it is sent again it does, but that answer is lost too. */
export const ABSENT: Operation = {
  command: 'unknown-absent',
  list: { batch: 'absent', rows: rowsOf('a mug', 'a bowl') },
  ends: new Map(),
  prepare(fal) {
    asked.prepare(fal);
    fal.faults.add({ on: 'submit', kind: 'reset', times: 1, when: isFirst });
    fal.faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1, when: isFirst });
  },
  heal: asked.heal,
  before: untilUnknown('absent', DECIDE_AFTER_MS),
  isDue: (stage) => !isAtFal(stage),
  // When the next round is unknown, of which nobody has said anything.
  async zombieWakes(stage) {
    await untilTrue(
      async () => isAtFal(stage) && ((await stage.batches.read('absent'))?.counts.unknown ?? 0) > 0,
    );
  },
};

function isFirst({ input }: { readonly input: Readonly<Record<string, unknown>> | undefined }): boolean {
  return input?.['prompt'] === 'a mug';
}

function isAtFal({ fal }: Stage): boolean {
  return fal.book.entries().some((entry) => isFirst(entry));
}

function untilUnknown(batch: string, afterMs: number): (stage: Stage) => Promise<void> {
  return async (stage) => {
    await untilTrue(async () => ((await stage.batches.read(batch))?.counts.unknown ?? 0) > 0);
    const intent = await stage.journal.readIntent({ batch, row: 0, part: 0 }, 0);
    const decidableMs = (intent?.at ?? 0) + afterMs;
    await untilTrue(() => Date.now() > decidableMs);
  };
}
