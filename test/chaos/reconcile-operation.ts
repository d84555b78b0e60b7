import { untilAtRest } from './at-rest.ts';
import { rowsOf, untilTrue } from './operation-rows.ts';
import type { Operation } from './operations.ts';
import { openOperator } from './operator.ts';
import type { Stage } from './stage.ts';

const BATCH = 'billed';
const STRANGE = 'nothing that is wanted here';
const list = {
  batch: BATCH,
  // Of a cent each. The first fails, and fal does not tell that it has charged it; the cap holds the last one.
  rows: rowsOf('a mug', 'a bowl', 'a jug', 'a vase', 'a tray'),
  capMicroUsd: 30_000,
};

/** `reconcile` with each of its findings: a correction, an orphan, and a picture that a held request wants. */
export const RECONCILED: Operation = {
  command: 'reconcile',
  list,
  ends: new Map([['row-0', 'no_media_generated']]),
  settings: { FAL_CONCURRENCY: '1' },
  prepare({ faults }) {
    faults.add({
      on: 'run',
      kind: 'no_media_generated_billed_unsaid',
      when: ({ input }) => input?.['prompt'] === 'a mug',
    });
  },
  async before(stage) {
    await untilAtRest(stage, [BATCH]);
    const [delivered, failures] = [
      await stage.journal.deliveredNames(BATCH),
      await stage.journal.failures(BATCH),
    ];
    const rows = await stage.journal.readChunk(BATCH, 0);
    const held = rows.find(({ row }) => !delivered.has(`${row}.0`) && !failures.has(`${row}.0`));
    await ask(stage, held?.prompt ?? '', { ...held?.input, num_images: 1 });
    await ask(stage, STRANGE, { quality: 'low' });
    await untilTrue(() => stage.fal.book.openCount() === 0);
  },
  zombieWakes: (stage) => untilAtRest(stage, [BATCH]).then(() => undefined),
  // A command that died between the intent and the id leaves a round that finds the picture itself, given room; the
  // charge stood as an orphan meanwhile, and the next reconcile counts it once.
  async heal(stage) {
    await untilAtRest(stage, [BATCH]);
    const operator = await openOperator(stage.spec());
    try {
      await operator.give('pause-and-resume', BATCH);
      await untilAtRest(stage, [BATCH]);
      await operator.give('reconcile', BATCH);
    } finally {
      await operator[Symbol.asyncDispose]();
    }
  },
  async check({ redis, prefix, fal }) {
    const spent = Number((await redis.hget(`${prefix}:money:batch:${BATCH}`, 's')) ?? 0);
    const [day = ''] = (await redis.keys(`${prefix.replace(/[{}]/g, '?')}:money:day:*`)).slice(0, 1);
    const spentToday = Number((await redis.hget(day, 's')) ?? 0);
    const bill = fal.book.totalMicroUsd();
    const ofOthers = fal.book
      .entries()
      .filter(({ input }) => input['prompt'] === STRANGE)
      .reduce((sum, { chargedMicroUsd }) => sum + chargedMicroUsd, 0);
    return [
      ...(spent === bill - ofOthers ? [] : [`reconcile: the batch counts ${spent} µ$ of ${bill - ofOthers}`]),
      ...(spentToday === bill ? [] : [`reconcile: the day counts ${spentToday} µ$ of ${bill}`]),
    ];
  },
};

/** Somebody with the same key. */
async function ask(
  { fal, strange }: Stage,
  prompt: string,
  input: Readonly<Record<string, unknown>>,
): Promise<void> {
  strange.push(prompt);
  const answer = await fetch(`${fal.queueUrl}/fal-ai/gpt-image-1-mini`, {
    method: 'POST',
    headers: { authorization: `Key ${fal.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt, ...input }),
  });
  if (!answer.ok) throw new Error(`fal refused a stranger: ${answer.status} ${await answer.text()}`);
}
