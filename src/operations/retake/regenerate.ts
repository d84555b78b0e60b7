import { standingOf } from '../../producer/enqueue.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import { fromUsd, type MicroUsd } from '../../shared/base/money.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { CHECK_FAILURES, regenerationId, rootOf } from '../../shared/journal/regeneration.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import { Takes, type TakesDeps } from '../../shared/takes/takes.ts';
import { planRedo, type RedoPlanDeps } from './plan.ts';
import { type StartDeps, startRedo } from './redo.ts';
import { type ChosenShot, findShots } from './shots.ts';

export interface RegenerateDeps extends Omit<StartDeps, 'takes'>, RedoPlanDeps {
  readonly store: StartDeps['store'] & TakesDeps['store'];
  readonly statusOf: (batch: string) => Promise<BatchStatus | undefined>;
  readonly log: Logger;
}

/**
 * For an ended batch that was queued with `--regenerate`: its pictures that failed a check are made anew, as a take, in
 * a batch of their own, with what the ended one left of its cap. Pictures for which it leaves no room stay failed, so
 * that nothing is held. A batch has one such batch a round, so a repeat goes on with it or finds it begun.
 */
export async function regenerate(head: Head, signal: AbortSignal, deps: RegenerateDeps): Promise<void> {
  const { journal, batches, log } = deps;
  const round = (head.round ?? 0) + 1;
  if (head.regenerate === undefined || round > head.regenerate) return;
  const status = await deps.statusOf(head.batch);
  // Cancelled, or tried again by a person: it ends once more.
  if (status?.state !== 'done') return;
  const root = await journal.readHead(rootOf(head), signal);
  if (root === undefined) return;
  const batch = regenerationId(root.batch, round);
  const standing = await journal.readHead(batch, signal);
  if (standing !== undefined && (await isBegun(standing, signal, { journal, batches }))) return;
  const failed = await failedShots(head, root, signal, deps);
  if (failed.length === 0) return;
  const left = standing === undefined ? await leftOf(status, signal, deps) : standing.cap;
  const { cap, shots } = await fitting(failed, root.batch, round, left, deps);
  const about = { batch: head.batch, round, shots: failed.length, fit: shots.length };
  if (shots.length < failed.length) log.warn(about, 'no room on the cap to make all failed pictures again');
  if (shots.length === 0) return;
  if (standing === undefined && cap !== undefined && !(await handOn(status, cap, deps))) return;
  const ask = { batch: root.batch, shots: shots.map((shot) => ({ ...shot, images: [] })), prompt: undefined };
  const plan = { ...(await planRedo(ask, round, deps)), batchId: batch };
  const takes = await Takes.load({ store: deps.store, journal, signal });
  await startRedo(
    ask,
    { take: round, plan },
    {
      head: root,
      cap,
      simulated: root.simulated,
      regeneration: { regenerate: head.regenerate, round },
      signal,
    },
    { ...deps, takes },
  ).catch((error: unknown) => {
    // Whoever came first queued other pictures of it, since a person acted in between: theirs stand.
    if (!(error instanceof UserError) || error.code !== 'batch_taken') throw error;
    log.warn({ ...about, error: error.message }, 'made again by somebody else');
  });
  log.info({ ...about, again: batch }, 'failed pictures are made again');
}

async function isBegun(
  { batch, digest }: Head,
  signal: AbortSignal,
  deps: Pick<RegenerateDeps, 'journal' | 'batches'>,
): Promise<boolean> {
  const standing = await standingOf(batch, digest, deps, signal).catch((error: unknown) => {
    // A rebuild takes it up, whole.
    if (error instanceof UserError && error.code === 'redis_lost') return 'goes-on' as const;
    throw error;
  });
  return standing === 'goes-on' || standing === 'ended';
}

/** The shots whose pictures failed a check, as the plan of the root has them, in its order. */
async function failedShots(
  head: Head,
  root: Head,
  signal: AbortSignal,
  { journal }: Pick<RegenerateDeps, 'journal'>,
): Promise<ChosenShot[]> {
  const delivered = await journal.deliveredNames(head.batch, signal);
  const failures = [...(await journal.failures(head.batch, signal))]
    .filter(([member, { code }]) => !delivered.has(member) && CHECK_FAILURES.has(code))
    .map(([, failure]) => failure)
    .sort((a, b) => a.row - b.row || a.part - b.part);
  const byRow = new Map<number, { row: PlanRow; indices: number[]; codes: Set<string> }>();
  for (const failure of failures) {
    const { row, request } = await journal.planned(failure, signal);
    const known = byRow.get(row.row) ?? { row, indices: [], codes: new Set<string>() };
    byRow.set(row.row, known);
    known.indices.push(...request.indices);
    known.codes.add(failure.code);
  }
  const shots = [...byRow.values()].map(({ row, indices, codes }) => ({
    row,
    indices: indices.sort((a, b) => a - b),
    why: `regenerated: ${[...codes].sort().join(', ')}`,
  }));
  if (head.batch === root.batch || shots.length === 0) return shots;
  const ids = new Set(shots.map(({ row }) => row.shot));
  const rows = await findShots(root, { ids, index: undefined }, { journal }, signal);
  const planned = new Map(rows.map(({ row }) => [row.shot, row]));
  return shots.map((shot) => ({ ...shot, row: planned.get(shot.row.shot) ?? shot.row }));
}

/** What the ended batch leaves of its cap, or has handed on already; undefined: there is no cap. */
async function leftOf(
  { batch, money }: BatchStatus,
  signal: AbortSignal,
  { journal }: Pick<RegenerateDeps, 'journal'>,
): Promise<MicroUsd | undefined> {
  const { capUsd, spentUsd, reservedUsd } = money;
  if (capUsd === null) return undefined;
  const last = (await journal.events(batch, signal)).findLast(({ kind }) => kind === 'cap');
  // A run that died behind `handOn` had not begun the next batch.
  if (last?.kind === 'cap' && last.handedOn !== undefined && last.cap === fromUsd(spentUsd))
    return last.handedOn;
  return Math.max(0, fromUsd(capUsd) - fromUsd(spentUsd) - fromUsd(reservedUsd));
}

/**
 * Lowers the cap of the ended batch to what it has spent, so that a retry of it cannot spend what is handed on. Resolves
 * to false where somebody tries failures again in this moment: it ends once more.
 */
async function handOn(
  { batch, money }: BatchStatus,
  handedOn: MicroUsd,
  { journal, batches, eventId, clock }: RegenerateDeps,
): Promise<boolean> {
  const cap = fromUsd(money.spentUsd);
  await journal.writeEvent(batch, { kind: 'cap', at: clock(), cap, handedOn }, eventId());
  // Once Redis has forgotten the batch, a retry restores it with the cap that the store knows.
  if ((await batches.read(batch)) === undefined) return true;
  return await batches.setCap(batch, cap);
}

/** As many as fit in at their dearest, in the order of the list. */
async function fitting(
  shots: readonly ChosenShot[],
  batch: string,
  take: number,
  cap: MicroUsd | undefined,
  deps: RedoPlanDeps,
): Promise<{ readonly cap: MicroUsd | undefined; readonly shots: readonly ChosenShot[] }> {
  if (cap === undefined) return { cap, shots };
  const chosen: ChosenShot[] = [];
  let left = cap;
  for (const shot of shots) {
    const { totals } = await planRedo({ batch, shots: [shot], prompt: undefined }, take, deps);
    if (totals.maxMicroUsd > left) continue;
    left -= totals.maxMicroUsd;
    chosen.push(shot);
  }
  return { cap, shots: chosen };
}
