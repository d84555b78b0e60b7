import type { MicroUsd } from '../../shared/base/money.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import type { Model } from '../../shared/models/model.ts';
import { provenFrom } from '../../shared/requests/absence.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { everyBatch } from '../../shared/requests/every-batch.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { Undecided } from '../../shared/requests/undecided.ts';

export interface UnknownsListDeps {
  readonly batches: Pick<Batches, 'read' | 'list'>;
  readonly records: Pick<Records, 'open'>;
  readonly journal: Pick<Journal, 'planned' | 'readIntent'>;
  readonly postWindowMs: number;
  readonly startTimeoutS: number;
  readonly unknownMarginS: number | undefined;
  readonly modelOf: (endpoint: string) => Model;
  readonly clock: Clock;
  /** Hears of a batch or a record that cannot be read; the others come all the same. */
  readonly onOdd: (error: Error) => void;
}

/** A submit whose answer was lost and of which nobody knows yet what it came to. */
export interface UnknownRequest {
  readonly request: string;
  readonly batch: string;
  readonly shot: string;
  /** When its intent was written, ms since 1970; undefined where none was: then nothing was sent. */
  readonly sinceMs: number | undefined;
  readonly reserved: MicroUsd;
  readonly outlook: Outlook;
}

/**
 * `waiting`: found, or proven absent at `provenAtMs`, by a worker; `behind`: that is the time of another request with
 * the same input, which found an entry of fal's list that may be this one's. `overdue`: that time is past, so fal's list
 * cannot be read, or no worker runs. `no_control`: it is past, and nothing shows that the list can be trusted; `unclear`:
 * the list shows entries that may be this one. `unsent`: a worker plans it again. `unprovable`: `sync_mode`, which fal's
 * list leaves out.
 */
export type Outlook =
  | { readonly kind: 'waiting' | 'behind' | 'overdue'; readonly provenAtMs: number }
  | {
      readonly kind: 'no_control';
      readonly provenAtMs: number;
      readonly why: Exclude<Undecided, { readonly why: 'unclear' }>;
    }
  | {
      readonly kind: 'unclear';
      readonly provenAtMs: number;
      /** fal's ids of the first of `count` entries. */
      readonly ids: readonly string[];
      readonly count: number;
    }
  | { readonly kind: 'unsent' | 'unprovable' };

/** Of one batch, or of all. */
export async function* listUnknowns(
  batch: string | undefined,
  deps: UnknownsListDeps,
): AsyncGenerator<UnknownRequest> {
  const { batches, records, journal } = deps;
  const walk =
    batch === undefined
      ? everyBatch(batches, { onOdd: (_, error) => deps.onOdd(error) })
      : [{ batch, view: await batches.read(batch) }];
  for await (const { batch: one, view } of walk) {
    if (view === undefined || view.counts.unknown === 0) continue;
    for await (const chunk of records.open(one, deps.onOdd)) {
      for (const record of chunk) {
        const { request, name, round, reserved } = record;
        if (record.state !== 'unknown') continue;
        const { row } = await journal.planned(name);
        const intent = await journal.readIntent(name, round);
        yield {
          request,
          batch: one,
          shot: row.shot,
          sinceMs: intent?.at,
          reserved: reserved ?? 0,
          outlook: outlookOf(record, { intentAtMs: intent?.at, row }, deps),
        };
      }
    }
  }
}

function outlookOf(
  { provenAtMs: noted, undecided }: Pick<RequestRecord, 'provenAtMs' | 'undecided'>,
  { intentAtMs, row }: { readonly intentAtMs: number | undefined; readonly row: PlanRow },
  deps: UnknownsListDeps,
): Outlook {
  if (intentAtMs === undefined) return { kind: 'unsent' };
  if (row.input['sync_mode'] === true) return { kind: 'unprovable' };
  const ownMs = provenFrom(intentAtMs, deps, deps.modelOf(row.model));
  const provenAtMs = Math.max(ownMs, noted ?? 0);
  if (undecided?.why === 'unclear')
    return { kind: 'unclear', provenAtMs, ids: undecided.ids, count: undecided.count };
  if (undecided !== undefined) return { kind: 'no_control', provenAtMs, why: undecided };
  // A look may come up to a minute after the time.
  if (deps.clock() > provenAtMs + 60_000) return { kind: 'overdue', provenAtMs };
  return { kind: provenAtMs > ownMs ? 'behind' : 'waiting', provenAtMs };
}
