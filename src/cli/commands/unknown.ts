import { randomBytes } from 'node:crypto';
import type { Stack } from '../../app/connections.ts';
import { openHouse } from '../../app/steps.ts';
import {
  absentUnknown,
  adoptUnknown,
  type DecideDeps,
  type Decision,
} from '../../operations/reconcile/decide.ts';
import { listUnknowns, type Outlook, type UnknownRequest } from '../../operations/reconcile/unknowns-list.ts';
import type { Shop } from '../../operations/services.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd, toUsd } from '../../shared/base/money.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import { POST_WINDOW_MS } from '../../shared/fal/limits.ts';
import { defaultRegistry, slowestOf } from '../../shared/models/registry.ts';
import { readStatus } from '../../shared/status/read-status.ts';
import { parseRequestKey } from '../../shared/store/keys.ts';
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
import { type OperatorArguments, unknownBatch, warnOf, withShop } from '../open.ts';
import { left, right, tableOf } from '../output/tables.ts';

/** `unknown list [BATCH]`: every request whose answer was lost and not yet found out about. */
export async function unknownListCommand(
  context: Context,
  batch: string | undefined,
  args: OperatorArguments,
): Promise<Exit> {
  return await withShop(context, args, async ({ shop, stack }) => {
    if (batch !== undefined && (await readStatus(shop, batch)) === undefined)
      throw await unknownBatch(context, args, batch, { ...shop, known: await shop.batches.list() });
    const { startTimeoutS, unknownMarginS } = stack.fal;
    const registry = defaultRegistry();
    const modelOf = (endpoint: string) => registry.find(endpoint) ?? slowestOf(registry);
    const limits = { postWindowMs: POST_WINDOW_MS, startTimeoutS, unknownMarginS, modelOf };
    const found: UnknownRequest[] = [];
    const warn = warnOf(context);
    const onOdd = (error: Error) => warn('', error);
    for await (const one of listUnknowns(batch, { ...shop, ...limits, clock: systemClock, onOdd }))
      found.push(one);
    const collectors = (await shop.attendance.present()).get('collect') ?? 0;
    if (args.json === true)
      printJson(
        context,
        found.map((one) => unknownJson(one, { collectors })),
      );
    else if (found.length === 0) say(context, 'No request is unknown.');
    else printText(context, view(found, { collectors }));
    return EXIT.ok;
  });
}

/** `unknown adopt REQUEST FAL_ID`: a person says that fal's id is this request's. */
export async function unknownAdoptCommand(
  context: Context,
  request: string,
  requestId: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withShop(context, args, async ({ shop, stack }) => {
    await shop.memory.open(context.signal);
    const decision = await adoptUnknown(request, requestId, decideDeps(context, shop, stack));
    const view = await shop.batches.read(parseRequestKey(request)?.batch ?? '');
    const fetched =
      view?.word === 'cancelled'
        ? 'its batch was cancelled, but this one is paid for: a worker fetches its pictures, and they are kept'
        : 'a worker fetches its pictures';
    told(context, args, request, decision, `it has ${requestId} now, and ${fetched}`);
    return EXIT.ok;
  });
}

export interface AbsentArguments extends OperatorArguments {
  readonly yes?: true;
}

/** `unknown absent REQUEST --yes`: a person says that it never arrived. */
export async function unknownAbsentCommand(
  context: Context,
  request: string,
  args: AbsentArguments,
): Promise<Exit> {
  if (args.yes !== true) {
    throw new UserError(
      'needs_yes',
      `If fal did accept ${request}, it is paid for twice: look for its prompt on fal's dashboard first (found: shotlist unknown adopt ${request} FAL_ID), and add --yes when it is not there.`,
    );
  }
  return await withShop(context, args, async ({ shop, stack }) => {
    await shop.memory.open(context.signal);
    const decision = await absentUnknown(request, decideDeps(context, shop, stack));
    const isCancelled = decision.state === 'cancelled';
    const done = isCancelled
      ? 'its batch was cancelled, and so is this one now, at no cost'
      : 'it is planned again, and paid for when it is submitted';
    told(context, args, request, decision, done);
    return EXIT.ok;
  });
}

function told(
  context: Context,
  { json }: OperatorArguments,
  request: string,
  decision: Decision,
  done: string,
): void {
  if (json === true) printJson(context, { request, ...decision });
  else if (decision.outcome === 'done') say(context, `${request}: ${done}.`);
  else say(context, `${request} was decided before and is ${decision.state}; nothing was changed.`);
}

function decideDeps(context: Context, shop: Shop, { secrets }: Stack): DecideDeps {
  const log = openLog(context, configOf(context), { detail: 'quiet', secrets });
  return decideDepsOf(shop, { clean: (text) => cleaned(context, text), log });
}

/** What a person's decision acts on, over an opened shop. */
export function decideDepsOf(shop: Shop, by: Parameters<typeof openHouse>[1]): DecideDeps {
  return {
    house: openHouse(shop, by),
    records: shop.records,
    journal: shop.journal,
    queues: shop.queues,
    priorityOf: async (batch) => (await shop.batches.read(batch))?.priority ?? 0,
    postWindowMs: POST_WINDOW_MS,
    eventId: () => randomBytes(6).toString('hex'),
    clock: systemClock,
  };
}

type NoControl = Extract<Outlook, { readonly kind: 'no_control' }>['why'];

interface Attending {
  /** How many workers look for lost answers. */
  readonly collectors: number;
}

/** A line of `unknown list --json` (docs/json.md). */
export function unknownJson(one: UnknownRequest, attending: Attending) {
  const { request, batch, shot, sinceMs, reserved, outlook } = one;
  return {
    request,
    batch,
    shot,
    since: sinceMs === undefined ? null : iso(sinceMs),
    reservedUsd: toUsd(reserved),
    outlook: outlook.kind,
    provenAt: 'provenAtMs' in outlook ? iso(outlook.provenAtMs) : null,
    candidates: outlook.kind === 'unclear' ? outlook.ids : [],
    advice: adviceOn(one, attending),
  };
}

function view(found: readonly UnknownRequest[], attending: Attending): string {
  const rows = found.map(({ request, shot, sinceMs, reserved, outlook }) => [
    request,
    shot,
    sinceMs === undefined ? '' : iso(sinceMs),
    formatUsd(reserved),
    'provenAtMs' in outlook ? iso(outlook.provenAtMs) : outlook.kind === 'unsent' ? 'soon' : 'never',
  ]);
  const columns = [left('request'), left('shot'), left('since'), right('reserved'), left('found out by')];
  const advice = new Set(found.map((one) => adviceOn(one, attending)));
  return [
    tableOf(columns, rows),
    '',
    `${count(found.length, 'request')} unknown. The money stays reserved until it is known what became of each.`,
    ...advice,
  ].join('\n');
}

function adviceOn({ request, outlook }: UnknownRequest, { collectors }: Attending): string {
  switch (outlook.kind) {
    case 'waiting':
      return "Nothing to do while a worker runs: it looks in fal's list, and decides at the time given at the latest.";
    case 'behind':
      return `${request} waits for another request with the same input, which found an entry of fal's list that may be this one's: nothing to do while a worker runs, which decides at the time given at the latest.`;
    case 'overdue':
      return collectors === 0
        ? `${request} is overdue, since no worker looks for it: start one with shotlist worker.`
        : `${request} is overdue: fal's list cannot be read (the worker's log says why), and it is looked at again by itself. Or decide: ${decide(request)}`;
    case 'no_control':
      return `${request} stays unknown: ${noControl(outlook.why)} Or look for it on fal's dashboard, then ${decide(request)}`;
    case 'unclear':
      return `${request} stays unknown: fal's list hides or changes inputs, and ${outlook.count === 1 ? 'one entry' : `${outlook.count} entries`} of its time may be it (${outlook.ids.join(', ')}${outlook.count > outlook.ids.length ? ', …' : ''}). Look at them on fal's dashboard, then ${decide(request)}`;
    case 'unsent':
      return `${request} was never sent: a worker plans it again.`;
    case 'unprovable':
      return `${request} used sync_mode, which fal's list leaves out: look for it on fal's dashboard, then ${decide(request)}`;
  }
}

function decide(request: string): string {
  return `shotlist unknown adopt ${request} FAL_ID, or shotlist unknown absent ${request} --yes`;
}

/** What keeps fal's list from being a proof, and what mends it. */
function noControl(missing: NoControl): string {
  switch (missing.why) {
    case 'fresh':
      return "fal's list shows nothing that was sent later, so it cannot be trusted yet. The next picture made with the model decides it.";
    case 'whole':
      return "fal's list shows none of the requests that fal answered in the last 24 h, so it cannot be trusted. The next picture made with the model decides it.";
    case 'faithful':
      return `no entry of fal's list shows yet that it tells inputs apart. The next picture with a prompt of ${missing.promptLength} characters or more decides it.`;
    case 'key':
      return "another FAL_KEY sent it, and fal's list shows nothing of that key. Run a worker with that key.";
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
