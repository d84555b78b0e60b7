import { UserError } from '../../shared/base/errors.ts';
import type { MicroUsd } from '../../shared/base/money.ts';
import { type Clock, dayOf } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { BatchEvent, Head, LedgerTrace } from '../../shared/journal/objects.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { isUnfinished, tracesOf, unfinishedFolders } from '../../shared/journal/traces.ts';
import { type BatchSpent, type Spent, sumSpent } from '../../shared/ledger/spent.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { nextRound, retriedRounds, standingByNames, wordAndCap } from '../../shared/requests/derive.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import { proofOf, waitsForProof } from '../../shared/requests/proof.ts';
import { nextLife } from '../../shared/requests/redis-continuity.ts';
import type { Restore, RestoredRecord } from '../../shared/requests/restore.ts';
import { STATES, type State } from '../../shared/requests/states.ts';
import { encodeSegment, objectKeys } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { sentRoundOf } from './doubt.ts';
import { restoreDue } from './due.ts';
import { headIn } from './head-in.ts';
import { isOddInRedis, leaveOddBatch } from './odd-batch.ts';
import { readOrReserve } from './odd-doubt.ts';
import { goOn, lastWord, OPERATOR_STOP, REBUILD_STOP } from './stops.ts';

export interface RebuildDeps {
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly batches: Batches;
  readonly restore: Restore;
  readonly due: Pick<DuePictures, 'add'>;
  /** What each request was booked at, from this day on. */
  readonly ledger: (from: string, signal: AbortSignal) => AsyncIterable<LedgerTrace>;
  /** Moves counters that hold what was booked to what fal's bill made of it. */
  readonly settleCorrections: (signal: AbortSignal) => Promise<void>;
  /** Of what is POSTed for so many of a row's pictures. */
  readonly rivalHash: (row: PlanRow) => string;
  readonly pauseSubmits: () => Promise<void>;
  readonly resumeSubmits: () => Promise<void>;
  /** Gives jobs to the batch's requests that have none. */
  readonly giveJobs: (batch: string, priority: number) => Promise<number>;
  /** A batch has nothing left to do. */
  readonly ended: (batch: string) => Promise<void>;
  readonly clock: Clock;
  /** What is being done, for people. */
  readonly say: (line: string) => void;
}

/** Requests by their states, and the money of the batches that were restored. */
export interface Rebuilt {
  readonly batches: readonly string[];
  readonly counts: Readonly<Partial<Record<State, number>>>;
  readonly spent: MicroUsd;
  readonly reserved: MicroUsd;
}

/**
 * Restores everything that is not at its end: whatever Redis held is forgotten first, so that a run of before finds no
 * record to go on with. All submits are stopped meanwhile. Safe to repeat, also where it broke off.
 */
export async function rebuildAll(deps: RebuildDeps, signal: AbortSignal): Promise<Rebuilt> {
  const { store, journal, batches, restore, clock } = deps;
  const before = await batches.stopped();
  await restore.claim(undefined, REBUILD_STOP);
  await deps.pauseSubmits();
  await restore.wipe();
  const heads: Head[] = [];
  for await (const folder of unfinishedFolders(store, signal)) {
    try {
      const found = await headIn(store, folder, signal);
      if (found !== undefined) heads.push(found);
    } catch (error) {
      await leaveOddBatch(folder, error, deps, signal);
    }
  }
  deps.say(
    `${heads.length === 1 ? '1 batch is not at its' : `${heads.length} batches are not at their`} end`,
  );
  const from = firstDay(heads, clock());
  const spent = await sumSpent(deps.ledger(from, signal), segmentsOf(heads));
  await restore.spent(spent.scopes);
  const { rebuilt, whole } = await restoreBatches(heads, spent, deps, signal);
  await deps.settleCorrections(signal);
  await restoreDue(deps, clock(), signal);
  const life = nextLife(await journal.newestLife(signal), clock());
  await journal.writeLife({ life, at: clock(), by: 'rebuild' }, signal);
  await restore.begin(life);
  await setGoing(
    heads.filter(({ batch }) => rebuilt.batches.includes(batch)),
    whole,
    deps,
  );
  const last = await lastWord(deps, signal);
  await goOn(last === 'pause' ? OPERATOR_STOP : before, last, deps);
  return rebuilt;
}

/**
 * Restores one batch beside others, in a Redis that has lost nothing else. What it spent stands in the counters of its
 * days and months already.
 */
export async function rebuildBatch(batch: string, deps: RebuildDeps, signal: AbortSignal): Promise<Rebuilt> {
  const { journal, restore, batches } = deps;
  const head = await journal.readHead(batch, signal);
  if (head === undefined) throw new UserError('unknown_batch', `There is no batch ${batch} in the store.`);
  if (!(await isUnfinished(deps.store, objectKeys.batchFolder(batch), signal))) {
    if (!(await isOddInRedis(batch, batches)))
      throw new UserError('ended', `Batch ${batch} has ended: there is nothing to rebuild.`);
    const before = await batches.stopped();
    await restore.claim(batch, REBUILD_STOP);
    await restore.wipeBatch(batch);
    await batches.forget(batch);
    await goOn(before, 'pause', deps);
    deps.say(`${batch} has ended; Redis forgets what it held of it, and the store has its summary`);
    return { batches: [], counts: {}, spent: 0, reserved: 0 };
  }
  const before = await batches.stopped();
  await restore.claim(batch, REBUILD_STOP);
  await deps.pauseSubmits();
  await restore.wipeBatch(batch);
  const { rebuilt, whole } = await restoreBatches(
    [head],
    await sumSpent(deps.ledger(firstDay([head], deps.clock()), signal), segmentsOf([head])),
    deps,
    signal,
  );
  // The batch's counter is a new one, and is brought to the bill by itself; days and months hold it already.
  await deps.settleCorrections(signal);
  await setGoing([head], whole, deps);
  await goOn(before, 'pause', deps);
  return rebuilt;
}

/** The beginning of the year, or of the oldest batch, with a day to spare: days are local to their writers. */
function firstDay(heads: readonly Head[], nowMs: number): string {
  const year = Date.parse(`${dayOf(nowMs).slice(0, 4)}-01-01`);
  return dayOf(Math.min(year, ...heads.map(({ createdAt }) => Date.parse(createdAt))) - 86_400_000);
}

function segmentsOf(heads: readonly Head[]): ReadonlySet<string> {
  return new Set(heads.map(({ batch }) => encodeSegment(batch)));
}

interface InDoubt {
  readonly batch: string;
  readonly record: RestoredRecord;
}

async function restoreBatches(
  heads: readonly Head[],
  spent: Spent,
  deps: RebuildDeps,
  signal: AbortSignal,
): Promise<{ readonly rebuilt: Rebuilt; readonly whole: ReadonlySet<string> }> {
  const epoch = deps.clock();
  const inDoubt: InDoubt[] = [];
  const counts: Partial<Record<State, number>> = {};
  const whole = new Set<string>();
  const restoredBatches: string[] = [];
  let spentMicroUsd = 0;
  for (const head of heads) {
    const money = spent.batches.get(encodeSegment(head.batch));
    const ofBatch: Partial<Record<State, number>> = {};
    try {
      const restored = await restoreBatch(head, money, epoch, ofBatch, deps, signal);
      inDoubt.push(...restored.inDoubt);
      if (restored.chunks === head.chunks) whole.add(head.batch);
    } catch (error) {
      await leaveOddBatch(objectKeys.batchFolder(head.batch), error, deps, signal);
      await deps.restore.wipeBatch(head.batch);
      continue;
    }
    spentMicroUsd += money?.costMicroUsd ?? 0;
    restoredBatches.push(head.batch);
    for (const state of STATES) {
      const sum = (counts[state] ?? 0) + (ofBatch[state] ?? 0);
      if (sum > 0) counts[state] = sum;
    }
  }
  // Of two that want the same picture, the one whose id is known has it, else the one that was sent last: the other
  // must have been resolved before, or it could not have been.
  inDoubt.sort(
    ({ record: a }, { record: b }) =>
      Number(b.state === 'submitted') - Number(a.state === 'submitted') ||
      (b.intentAtMs ?? 0) - (a.intentAtMs ?? 0),
  );
  let reserved = 0;
  for (const { batch, record } of inDoubt) {
    await deps.restore.records(batch, epoch, [record]);
    counts[record.state] = (counts[record.state] ?? 0) + 1;
    reserved += record.reservation?.price ?? 0;
  }
  const rebuilt = { batches: restoredBatches, counts, spent: spentMicroUsd, reserved };
  return { rebuilt, whole };
}

/** All records but those in doubt, which are answered. */
async function restoreBatch(
  head: Head,
  money: BatchSpent | undefined,
  epoch: number,
  counts: Partial<Record<State, number>>,
  deps: RebuildDeps,
  signal: AbortSignal,
): Promise<{ readonly inDoubt: readonly InDoubt[]; readonly chunks: number }> {
  const { store, journal, restore } = deps;
  const { batch } = head;
  const traces = await tracesOf(store, batch, signal);
  const events = await restoreWord(head, money, deps, signal);
  const { word } = wordAndCap(events, head.cap);
  const retried = retriedRounds(events);
  const waits = waitsForProof(head, proofOf(head, events));
  const inDoubt: InDoubt[] = [];
  const booked = { requests: 0, estimate: 0 };
  for (const chunk of [...traces.chunks].sort((a, b) => a - b)) {
    const records: RestoredRecord[] = [];
    for (const row of await journal.readChunk(batch, chunk, signal)) {
      for (const request of row.requests) {
        const member = `${row.row}.${request.part}`;
        const entries = money?.entries.get(member)?.length ?? 0;
        booked.requests += entries;
        booked.estimate += entries * request.maxMicroUsd;
        const standing = standingByNames(
          {
            kind: request.kind,
            delivered: traces.delivered.has(member),
            failedRound: traces.failed.get(member),
            sentRound: sentRoundOf(traces, member),
            waitsForProof: waits(row.row),
          },
          word,
          retried.get(member),
        );
        if (standing.state === 'doubt') {
          const name = { batch, row: row.row, part: request.part };
          const failedRound = traces.failed.get(member);
          const under = { name, last: standing.round, failedRound, traces };
          const found = { batch, row, request, traces, money };
          const record = await readOrReserve(found, under, deps, signal);
          inDoubt.push({ batch, record: { ...record, nextRound: nextRound(standing.round, epoch) } });
          continue;
        }
        const { state } = standing;
        const failedRound = traces.failed.get(member);
        const seen = Math.max(failedRound ?? -1, sentRoundOf(traces, member) ?? -1);
        const held = state === 'held' ? ({ waitsForProof: true } as const) : {};
        const next = nextRound(seen, epoch);
        // What failed stays in its round, which has the id of what fal was paid for.
        const round = state === 'failed' && failedRound !== undefined ? failedRound : next;
        records.push({ member, state, round, ...(round === next ? {} : { nextRound: next }), ...held });
        counts[state] = (counts[state] ?? 0) + 1;
      }
    }
    await restore.records(batch, epoch, records);
  }
  await restore.booked(batch, booked);
  deps.say(`${batch}: ${word}, ${inDoubt.length} requests were under way`);
  return { inDoubt, chunks: traces.chunks.size };
}

/**
 * The batch itself. A person's word is in the store before it is in Redis: what comes while this reads finds no batch in
 * Redis to say it to, and is found here by looking once more. Resolves to the events that it is restored by.
 */
async function restoreWord(
  head: Head,
  money: BatchSpent | undefined,
  { journal, restore }: RebuildDeps,
  signal: AbortSignal,
): Promise<readonly BatchEvent[]> {
  let events = await journal.events(head.batch, signal);
  for (;;) {
    await restore.batch(head, {
      ...wordAndCap(events, head.cap),
      proof: proofOf(head, events),
      spent: money?.costMicroUsd ?? 0,
      images: money?.numImages ?? 0,
    });
    const now = await journal.events(head.batch, signal);
    if (now.length === events.length) return now;
    events = now;
  }
}

/** `whole`: the batches whose plan stands in full. The rest of the others comes with the command that queued them. */
async function setGoing(
  heads: readonly Head[],
  whole: ReadonlySet<string>,
  { batches, giveJobs, ended }: RebuildDeps,
): Promise<void> {
  for (const { batch, priority } of heads) {
    await giveJobs(batch, priority);
    if (whole.has(batch) && (await batches.complete(batch))) await ended(batch);
  }
}
