import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { scheduleRunDepsOf, unseenSurroundings } from '../../../src/app/schedule-run-deps.ts';
import { dryRun, enqueueCommand } from '../../../src/cli/commands/enqueue.ts';
import type { ListArguments } from '../../../src/cli/options/list.ts';
import { runDue } from '../../../src/producer/schedules/run.ts';
import { silentLogger } from '../../../src/shared/base/log.ts';
import { openScheduling } from '../../support/scheduling.ts';
import { openWorkshop } from '../../support/workshop.ts';
import { workshopCli } from '../../support/workshop-cli.ts';

jest.setTimeout(90_000);

const OLD = 'fal-ai/gpt-image-1-mini';
const NEW = 'openai/gpt-image-2.5/flare/text-to-image';
const at = (time: string) => () => Date.parse(time);
const LAST_SECOND = at('2026-11-30T23:59:59Z');
const FIRST_SECOND = at('2026-12-01T00:00:00Z');
const MONTH_LATER = at('2027-01-01T00:00:00Z');

const LIST = 'id,prompt\nmug,a red mug\ntee,a tee\n';

async function openCatalog() {
  const workshop = await openWorkshop();
  const cli = await workshopCli(workshop, { DEFAULT_MODEL: '' });
  const path = join(cli.path, 'catalog.csv');
  await writeFile(path, LIST);
  const args = (more: Partial<ListArguments>) => ({ priority: 1_000, recipe: 'original', ...more });
  return {
    workshop,
    write: (list: string) => writeFile(path, list),
    async enqueue(clock: () => number, more: Partial<ListArguments> = {}) {
      const ran = await cli.run(
        (context) => enqueueCommand(context, path, args({ json: true, ...more })),
        clock,
      );
      const { batch, defaultModel, requests } = JSON.parse(ran.out);
      return { batch: String(batch), defaultModel, requests, said: ran.err };
    },
    dryRun: (clock: () => number, more: Partial<ListArguments> = {}) =>
      cli.run((context) => dryRun(context, 'run', path, args({ dryRun: true, ...more })), clock),
    async [Symbol.asyncDispose]() {
      await cli[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
    },
  };
}

describe('a list that names no model', () => {
  it.each([
    ['the last second', LAST_SECOND, OLD, 'the default until 2026-12-01 00:00 UTC, then gpt-image-2.5-flare'],
    ['the first second', FIRST_SECOND, NEW, 'the default since 2026-12-01, when gpt-image-1-mini ended'],
    ['a month later', MONTH_LATER, NEW, 'the default since 2026-12-01, when gpt-image-1-mini ended'],
  ])('takes the default of %s, and says which with its price', async (_name, clock, endpoint, words) => {
    await using catalog = await openCatalog();
    const { batch, defaultModel, said } = await catalog.enqueue(clock);
    expect(defaultModel).toBe(endpoint);
    expect(said).toContain(words);
    expect(said).toMatch(/\$0\.01\d+ medium, .* a picture of 1024x1024/);
    const [row] = await catalog.workshop.shop.journal.readChunk(batch, 0);
    expect(row?.model).toBe(endpoint);
  });

  it('says nothing of a default that no row takes', async () => {
    await using catalog = await openCatalog();
    await catalog.write('id,prompt,model\nmug,a red mug,gpt-image-2.5-sunburst\n');
    const { defaultModel, said } = await catalog.enqueue(MONTH_LATER);
    expect(defaultModel).toBeUndefined();
    expect(said).not.toContain('the default');
  });
});

describe('a catalog with pictures of the ended default', () => {
  async function openMade() {
    const catalog = await openCatalog();
    const { batch } = await catalog.enqueue(LAST_SECOND);
    await catalog.workshop.startWorker();
    await catalog.workshop.untilEnded(batch);
    expect(catalog.workshop.fal.book.charged()).toHaveLength(2);
    return catalog;
  }

  it('is refused where nobody can be asked, with both commands; --yes does not choose', async () => {
    await using catalog = await openMade();
    for (const more of [{}, { yes: true as const }, { cap: 5_000_000 }]) {
      const refused = catalog.enqueue(FIRST_SECOND, more);
      await expect(refused).rejects.toMatchObject({ code: 'choose_model' });
      await expect(refused).rejects.toThrow(/catalog\.csv .*--model gpt-image-2\.5-flare\./);
      await expect(refused).rejects.toThrow(/catalog\.csv .*--model gpt-image-1-mini\./);
    }
    expect(await catalog.workshop.shop.batches.list()).toHaveLength(1);
  });

  it('keeps its pictures with --model of the old one, and makes all again with the new one', async () => {
    await using catalog = await openMade();
    expect(await catalog.enqueue(MONTH_LATER, { model: 'gpt-image-1-mini' })).toMatchObject({ requests: 0 });
    expect(await catalog.enqueue(MONTH_LATER, { model: 'gpt-image-2.5-flare' })).toMatchObject({
      requests: 2,
    });
  });

  it('is looked at by a dry run all the same, which says what to write', async () => {
    await using catalog = await openMade();
    const { err } = await catalog.dryRun(FIRST_SECOND);
    expect(err).toContain('write --model gpt-image-2.5-flare or --model gpt-image-1-mini');
    expect(err).toContain('the default since 2026-12-01');
  });

  it('is not asked once its list has moved on to the new model', async () => {
    await using catalog = await openMade();
    const { batch } = await catalog.enqueue(FIRST_SECOND, { model: 'gpt-image-2.5-flare' });
    expect(await catalog.enqueue(MONTH_LATER)).toMatchObject({ batch, defaultModel: NEW });
  });

  it('is not asked where its list had named the old model and names it still', async () => {
    await using catalog = await openMade();
    await catalog.write('id,prompt,model\nmug,a red mug,gpt-image-1-mini\n');
    expect(await catalog.enqueue(MONTH_LATER)).toMatchObject({ requests: 0 });
  });

  it('is not asked for a list that made nothing before', async () => {
    await using catalog = await openCatalog();
    await catalog.enqueue(LAST_SECOND);
    expect(await catalog.enqueue(FIRST_SECOND)).toMatchObject({ defaultModel: NEW, requests: 2 });
  });
});

describe('a schedule whose catalog has pictures of the ended default', () => {
  it('has failed with both commands, and goes on with DEFAULT_MODEL', async () => {
    await using one = await openScheduling();
    const { workshop, schedules, queue, list } = one;
    const { shop, stack } = workshop;
    const depsAt = (clock: () => number, defaultModel: string | undefined) => {
      const surroundings = { ...unseenSurroundings({}, silentLogger), clock };
      const config = { ...workshop.config, defaultModel };
      return scheduleRunDepsOf({ surroundings, shop, stack, config, schedules, queue, log: silentLogger });
    };
    const day = 86_400_000;
    await one.add(
      { name: 'daily', list, rule: { kind: 'every', everyMs: day, anchorMs: LAST_SECOND() - day } },
      LAST_SECOND() - 2 * day,
    );
    const never = new AbortController().signal;
    const first = await runDue(
      { name: 'daily', dueMs: LAST_SECOND(), isRepeat: false },
      never,
      depsAt(LAST_SECOND, undefined),
    );
    await workshop.startWorker();
    await workshop.untilEnded(first?.batch ?? '');

    const due = { name: 'daily', dueMs: LAST_SECOND() + day, isRepeat: false };
    const failed = await runDue(due, never, depsAt(FIRST_SECOND, undefined));
    expect(failed).toMatchObject({ outcome: 'failed' });
    expect(failed?.error).toContain('--model gpt-image-2.5-flare');
    expect(failed?.error).toContain('--model gpt-image-1-mini');

    const next = { ...due, dueMs: due.dueMs + day };
    expect(await runDue(next, never, depsAt(MONTH_LATER, 'gpt-image-1-mini'))).not.toMatchObject({
      outcome: 'failed',
    });
  });
});
