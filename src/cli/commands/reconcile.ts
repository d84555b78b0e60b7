import type { Stack } from '../../app/connections.ts';
import { openHouse } from '../../app/steps.ts';
import { createAttach } from '../../operations/reconcile/attach.ts';
import { createCorrect } from '../../operations/reconcile/correct.ts';
import { createExplain } from '../../operations/reconcile/explain.ts';
import {
  createReconcile,
  type ReconcileDeps,
  type Reconciled,
} from '../../operations/reconcile/reconcile.ts';
import type { Shop } from '../../operations/services.ts';
import { UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import { formatUsd, toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { createBilling } from '../../shared/fal/billing.ts';
import { createFalPlatform } from '../../shared/fal/history.ts';
import { createFalHttp, type FalHttp, openFalSockets } from '../../shared/fal/http.ts';
import { BILLING_DAYS, POST_WINDOW_MS } from '../../shared/fal/limits.ts';
import { Corrections } from '../../shared/ledger/corrections.ts';
import { Settlements } from '../../shared/ledger/counters.ts';
import { type SettleDeps, settleCorrections } from '../../shared/ledger/settle.ts';
import { defaultRegistry, slowestOf } from '../../shared/models/registry.ts';
import { leastMarginS } from '../../shared/requests/absence.ts';
import { keptOf } from '../../shared/takes/originals.ts';
import {
  type Context,
  cleaned,
  configOf,
  EXIT,
  type Exit,
  openLog,
  printJson,
  printText,
  say,
} from '../context.ts';
import { type OperatorArguments, warnOf, withShop } from '../open.ts';
import { MOST_DAYS, type Since } from '../options/since.ts';
import { left, tableOf } from '../output/tables.ts';

export interface ReconcileArguments extends OperatorArguments {
  readonly since: Since;
}

const FAL_TIMEOUT_MS = 30_000;
const DAY_MS = 86_400_000;
const SHOWN = 20;

/** `reconcile [--since WHEN]`: the ledger against fal's billing events. Exit code 0 also when it found something. */
export async function reconcileCommand(context: Context, args: ReconcileArguments): Promise<Exit> {
  const nowMs = systemClock();
  const sinceMs = args.since(nowMs);
  if (sinceMs > nowMs) throw new UserError('usage', '--since lies in the future: give a day that has begun.');
  if (sinceMs < nowMs - (MOST_DAYS + 1) * DAY_MS) {
    throw new UserError(
      'usage',
      `fal keeps its bill for ${BILLING_DAYS} days: give a later --since, or --since ${MOST_DAYS}d.`,
    );
  }
  if (args.simulate !== true && configOf(context).fal.adminKey === undefined) throw noAdminKey();
  return await withShop(context, args, async ({ shop, stack }) => {
    // On a Redis that forgot, what is charged would look like nobody's.
    await shop.memory.open(context.signal);
    const agent = openFalSockets();
    try {
      const log = openLog(context, configOf(context), { detail: 'quiet', secrets: stack.secrets });
      const deps = reconcileDepsOf(shop, stack, {
        http: createFalHttp({ agent, clock: systemClock }),
        settlements: new Settlements({ redis: shop.redis, prefix: stack.prefix }),
        clean: (text) => cleaned(context, text),
        log,
        onOdd: (error) => warnOf(context)('', error),
      });
      const reconciled = await createReconcile(deps)(sinceMs, context.signal);
      const { ignored, undecided } = reconciled;
      if (ignored > 0)
        say(context, `note: ${count(ignored, 'charge')} of endpoints that no model here uses left out`);
      if (undecided > 0)
        say(
          context,
          `note: ${count(undecided, 'charge')} may belong to what is being sent or is not in fal's list yet; run it again in some minutes`,
        );
      if (args.json === true) printJson(context, reconcileJson(reconciled));
      else printText(context, view(reconciled));
      return EXIT.ok;
    } finally {
      await agent.close();
    }
  });
}

/** What a reconcile acts on, over an opened shop. */
export function reconcileDepsOf(
  shop: Shop,
  { fal, simulated }: Pick<Stack, 'fal' | 'simulated'>,
  by: {
    readonly http: FalHttp;
    readonly settlements: SettleDeps['settlements'];
    readonly clean: (text: string) => string;
    readonly log: Logger;
    /** Hears of a batch or a record that cannot be read. Default: the log. */
    readonly onOdd?: (error: Error) => void;
  },
): ReconcileDeps {
  const { store, journal, records, batches, queues } = shop;
  if (fal.adminKey === undefined) throw noAdminKey();
  const clock = systemClock;
  const registry = defaultRegistry();
  const at = { http: by.http, apiUrl: fal.apiUrl, timeoutMs: FAL_TIMEOUT_MS, clock };
  const house = openHouse(shop, by);
  const corrections = new Corrections({ store });
  const { settlements } = by;
  const correct = createCorrect({ journal, corrections, house, simulated });
  const limits = { ...fal, postWindowMs: POST_WINDOW_MS };
  return {
    // An admin key may read the history as well.
    billing: createBilling({ ...at, adminKey: fal.adminKey }),
    journal,
    corrections,
    correct,
    explain: createExplain({
      history: createFalPlatform({ ...at, key: fal.key ?? fal.adminKey }),
      batches,
      records,
      journal,
      house,
      corrections,
      correct,
      onOdd: by.onOdd ?? ((error) => by.log.error({ error: error.message }, 'left as it is')),
      attach: createAttach({ house, records, batches, journal, queues, ...limits, clock }),
      made: (shotKey, signal) => keptOf(store, shotKey, signal),
      modelOf: (endpoint) => registry.find(endpoint)?.endpoint ?? endpoint,
      startTimeoutS: fal.startTimeoutS,
      marginS: (endpoint) =>
        fal.unknownMarginS ?? leastMarginS(registry.find(endpoint) ?? slowestOf(registry)),
      simulated,
      clock,
    }),
    settle: (signal) => settleCorrections({ journal, corrections, settlements, records, clock }, signal),
    isOurs: (endpoint) => registry.find(endpoint) !== undefined,
    moved: async (batch) => {
      if ((await batches.read(batch))?.doneAtMs !== undefined) await shop.ended(batch);
    },
    clock,
  };
}

function noAdminKey(): UserError {
  return new UserError(
    'no_admin_key',
    'Set FAL_ADMIN_KEY to a key of admin scope: fal shows its billing events to no other.',
  );
}

/** What `--json` prints: the public contract (docs/json.md). */
export function reconcileJson(found: Reconciled) {
  return {
    since: new Date(found.sinceMs).toISOString(),
    until: new Date(found.untilMs).toISOString(),
    entries: found.entries,
    events: found.events,
    corrected: found.corrected.map(({ requestId, fromMicroUsd, toMicroUsd }) => ({
      requestId,
      fromUsd: toUsd(fromMicroUsd),
      toUsd: toUsd(toMicroUsd),
    })),
    missing: found.missing.map(({ requestId }) => ({ requestId })),
    orphans: found.orphans.map(({ requestId, costMicroUsd }) => ({
      requestId,
      costUsd: toUsd(costMicroUsd),
    })),
    attached: found.attached.map(({ requestId, shot }) => ({ requestId, shot })),
    driftUsd: toUsd(found.driftMicroUsd),
  };
}

function view(found: Reconciled): string {
  const { corrected, missing, orphans, attached } = found;
  const rows = [
    ...corrected.map(({ requestId, fromMicroUsd, toMicroUsd }) => [
      'corrected',
      requestId,
      `${formatUsd(fromMicroUsd)} to ${formatUsd(toMicroUsd)}`,
    ]),
    ...missing.map(({ requestId, costMicroUsd }) => ['missing', requestId, formatUsd(costMicroUsd)]),
    ...orphans.map(({ requestId, costMicroUsd }) => ['orphan', requestId, formatUsd(costMicroUsd)]),
    ...attached.map(({ requestId, shot, costMicroUsd }) => [
      'attached',
      requestId,
      `${formatUsd(costMicroUsd)}, shot ${shot}`,
    ]),
  ];
  const table =
    rows.length === 0
      ? []
      : [
          '',
          tableOf([left('finding'), left("fal's request"), left('')], rows.slice(0, SHOWN)),
          ...(rows.length > SHOWN ? [`… and ${rows.length - SHOWN} more: --json has all`] : []),
        ];
  const drift = found.driftMicroUsd;
  const verdict =
    drift === 0
      ? "The ledger is fal's bill."
      : `fal's bill is ${formatUsd(Math.abs(drift))} ${drift > 0 ? 'above' : 'below'} what the ledger said.`;
  return [
    `${count(found.entries, 'ledger line')} and ${count(found.events, 'charge')} since ${new Date(found.sinceMs).toISOString()}. ${verdict}`,
    ...table,
    ...advice(found).flatMap((line) => ['', line]),
  ].join('\n');
}

function advice({ corrected, missing, orphans, attached }: Reconciled): string[] {
  return [
    ...(corrected.length > 0
      ? ['Corrected: ledger, costs and caps count what fal charged from now on.']
      : []),
    ...(missing.length > 0
      ? [
          "Missing: in the ledger for more than a day, and not on fal's bill. They count as paid; if they stay away, ask fal or be glad.",
        ]
      : []),
    ...(orphans.length > 0
      ? [
          'Orphans: charged to this account, and asked for by no request known here. They count on the caps of the day and month. Was the key used elsewhere? Is one a request of shotlist unknown list? Then: shotlist unknown adopt REQUEST FAL_ID. A list that wants one of these pictures gets it by the next shotlist reconcile, if that comes before the submit.',
        ]
      : []),
    ...(attached.length > 0
      ? [
          'Attached: pictures that were paid for already go to the shots that want them; a worker fetches them.',
        ]
      : []),
  ];
}
