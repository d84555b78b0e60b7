import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import { planRows } from '../journal/plan-rows.ts';
import { CHECK_FAILURES } from '../journal/regeneration.ts';
import { retriedRounds } from '../requests/derive.ts';
import { readStatus, type StatusDeps } from '../status/read-status.ts';
import { type BatchStatus, isOver } from '../status/status.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { madeAnew } from './manifest-takes.ts';
import { type Regenerated, regenerationsOf } from './regenerated.ts';
import { Takes } from './takes.ts';

export interface RegeneratedDeps extends StatusDeps {
  readonly store: Pick<ObjectStore, 'list' | 'get'>;
  readonly journal: StatusDeps['journal'] &
    Pick<Journal, 'readHead' | 'readChunk' | 'readListedDelivery' | 'deliveredNames' | 'failures' | 'events'>;
}

/** undefined where nothing was made again. Costs a few reads for each failed request. */
export async function readRegenerated(
  head: Head,
  deps: RegeneratedDeps,
  signal: AbortSignal,
): Promise<Regenerated | undefined> {
  const { store, journal } = deps;
  const begun = await regenerationsOf(journal, head, signal);
  if (begun.length === 0) return undefined;
  const statuses = new Map<string, BatchStatus>();
  for (const id of begun) {
    const status = await readStatus(deps, id);
    if (status !== undefined) statuses.set(id, status);
  }
  const failed = await standingFailures(head, journal, signal);
  const rows = new Set([...failed].map((member) => Number(member.split('.')[0])));
  const takes = await Takes.load({ store, journal, signal });
  const counts = { requests: 0, delivered: 0, failed: 0, open: 0 };
  for await (const row of planRows(head, journal, signal, ({ row }) => rows.has(row))) {
    const records = await takes.recordsOf(row.shotKey);
    for (const { part, indices } of row.requests) {
      if (!failed.has(`${row.row}.${part}`)) continue;
      const makers = records.filter((one) => indices.some((index) => one.indices.includes(index)));
      const last = begun.findLast((id) => makers.some(({ batch }) => batch === id));
      if (last === undefined) continue;
      const status = statuses.get(last);
      counts.requests += 1;
      if ((await madeAnew(row, indices, takes)) !== undefined) counts.delivered += 1;
      else if (status !== undefined && isOver(status.state)) counts.failed += 1;
      else counts.open += 1;
    }
  }
  return { ...counts, batches: [...statuses.values()] };
}

/** Of requests that failed a check and that nobody has tried again since, as `row.part`. */
async function standingFailures(
  { batch }: Head,
  journal: RegeneratedDeps['journal'],
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const delivered = await journal.deliveredNames(batch, signal);
  const retried = retriedRounds(await journal.events(batch, signal));
  const failures = [...(await journal.failures(batch, signal))].filter(
    ([member, { code, round }]) =>
      CHECK_FAILURES.has(code) && !delivered.has(member) && (retried.get(member) ?? -1) < round,
  );
  return new Set(failures.map(([member]) => member));
}
