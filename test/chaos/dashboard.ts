import { absentUnknown, adoptUnknown } from '../../src/operations/reconcile/decide.ts';
import { listUnknowns } from '../../src/operations/reconcile/unknowns-list.ts';
import { UserError } from '../../src/shared/base/errors.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { systemClock } from '../../src/shared/base/time.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { parseRequestKey } from '../../src/shared/store/keys.ts';
import { type ChaosShop, openChaosShop } from './chaos-shop.ts';
import { decideDeps } from './commands.ts';
import type { Stage } from './stage.ts';

/** Which of these batches have requests that fal's list does not decide. */
export async function undecidedOf(stage: Stage, batches: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const batch of batches)
    if (((await stage.batches.read(batch))?.undecided.requests ?? 0) > 0) found.push(batch);
  return found;
}

/** Somebody with the same key asks for what fal refuses at no cost: its list shows by that that it is up to date. */
export async function askInVain({ fal, strange }: Stage): Promise<void> {
  const prompt = 'a bloody sign that somebody else wants';
  strange.push(prompt);
  await fetch(`${fal.queueUrl}/fal-ai/gpt-image-1-mini`, {
    method: 'POST',
    headers: { authorization: `Key ${fal.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt }),
  });
}

/**
 * A user who looks at fal's dashboard for what its list does not decide, which shows each request as it was POSTed: so
 * says fal's book here.
 */
export async function decideByDashboard(stage: Stage, batches: readonly string[]): Promise<void> {
  await using opened = await openChaosShop(stage.spec(), (_name, effect) => effect(), silentLogger);
  await opened.shop.memory.open();
  for (const batch of batches) await decideBatch(stage, opened, batch);
}

/** Nothing here is ever damaged. */
function refuse(error: Error): never {
  throw error;
}

async function decideBatch({ fal }: Stage, opened: ChaosShop, batch: string): Promise<void> {
  const { shop, config } = opened;
  const { journal } = shop;
  const modelOf = (endpoint: string) => defaultRegistry().get(endpoint);
  const limits = { ...config.fal, postWindowMs: 0, modelOf, clock: systemClock };
  for await (const { request, outlook } of listUnknowns(batch, { ...shop, ...limits, onOdd: refuse })) {
    const name = parseRequestKey(request);
    if (name === undefined || (outlook.kind !== 'no_control' && outlook.kind !== 'unclear')) continue;
    // A worker's next look finds the list up to date, since somebody else goes on.
    if (outlook.kind === 'no_control' && outlook.why.why === 'fresh') continue;
    const round = (await shop.records.read(request))?.round ?? 0;
    const images = (await journal.readIntent(name, round))?.indices.length;
    const { prompt } = (await journal.planned(name)).row;
    let mine: string | undefined;
    for (const entry of fal.book.entries()) {
      if (entry.input['prompt'] !== prompt || entry.input['num_images'] !== images) continue;
      if ((await journal.readId(entry.requestId)) !== undefined) continue;
      if ((await shop.records.holderOf(entry.requestId)) === undefined) mine ??= entry.requestId;
    }
    try {
      if (mine === undefined) await absentUnknown(request, decideDeps(opened));
      else await adoptUnknown(request, mine, decideDeps(opened));
    } catch (error) {
      // A worker was quicker, or it is too early: the user looks again.
      if (!(error instanceof UserError)) throw error;
    }
  }
}
