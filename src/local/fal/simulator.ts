import { createHash, randomBytes } from 'node:crypto';
import type { MicroUsd } from '../../shared/base/money.ts';
import { type Clock, type Sleep, sleep, systemClock } from '../../shared/base/time.ts';
import { Book } from './book.ts';
import { type Endpoint, endpointsOf, type FlatEndpoint, type Input } from './endpoints.ts';
import { Faults } from './faults.ts';
import { HistoryView, type ShownInput } from './history-view.ts';
import { mediaRoute } from './media-routes.ts';
import { judge } from './moderation.ts';
import { type Outcome, RUN_FAILURES } from './outcome.ts';
import { drawPicture, type PictureStyle } from './pictures.ts';
import { platformRoute } from './platform-routes.ts';
import { queueRoute } from './queue-routes.ts';
import { type Random, randomOf } from './random.ts';
import { imageCountOf } from './results.ts';
import type { Run } from './run.ts';
import { Runs } from './runs.ts';
import { openStateFile } from './state-file.ts';
import { Stats } from './stats.ts';
import { type Call, startWire } from './wire.ts';

export interface FalSimulatorOptions {
  /** Requests that run at once; further ones wait. Default 2, as a new account has. */
  readonly slots?: number;
  /** How long a run takes. Default: 40 ms. */
  readonly latencyMs?: number | ((input: Input, random: Random) => number);
  /** From the acceptance to the answer of the POST. Default 0. */
  readonly acceptMs?: number;
  /** All that is random follows it, request ids included. Default: a fresh one, so that ids never meet again. */
  readonly seed?: string;
  /** When a request appears in the list, counted from its acceptance or, where the list hides it before, its end. Default 20. */
  readonly listLagMs?: number | ((input: Input, random: Random) => number);
  /** Whether the list has requests that wait or run. Default false: nobody knows, so the harder case. */
  readonly listShowsRunning?: boolean;
  /** How the list shows what was POSTed. Default: as it was. */
  readonly listInput?: ShownInput | ((input: Input, random: Random) => ShownInput);
  /** From the end of a run to its billing event. Default 20. */
  readonly billingLagMs?: number;
  readonly percentDiscount?: number;
  /** How long status and result are kept. Default: an hour. */
  readonly resultTtlMs?: number;
  /** The same for results of 10 KB or more. Default: 6 minutes. */
  readonly bigResultTtlMs?: number;
  /** Keeps book, keys and pictures over restarts. */
  readonly stateFolder?: string;
  readonly clock?: Clock;
  /** Writes down a violation the moment accepted charges exceed it. */
  readonly cap?: MicroUsd;
  /** Which requests count on it, by their input: not what somebody else asks for with the same key. Default: all. */
  readonly capCounts?: (input: Input) => boolean;
  /** Everything costs this many times its price, rounded up to a whole unit. Default 1. */
  readonly priceRise?: number;
  /** Further endpoints, each with one price an image. */
  readonly endpoints?: Readonly<Record<string, FlatEndpoint>>;
  /** `plain`: flat colours, nearly free. Default `drawn`. */
  readonly pictures?: PictureStyle;
  readonly port?: number;
  readonly key?: string;
  readonly adminKey?: string;
}

export interface FalSimulator {
  /** For `FAL_QUEUE_URL`. */
  readonly queueUrl: string;
  /** For `FAL_API_URL`; the platform API is under its `/v1`. */
  readonly apiUrl: string;
  /** For `FAL_MEDIA_HOSTS`. */
  readonly mediaHosts: readonly string[];
  /** The host that the fault `other-host` names. */
  readonly otherMediaHost: string;
  readonly key: string;
  /** May also read billing events. */
  readonly adminKey: string;
  readonly book: Book;
  readonly faults: Faults;
  readonly stats: Stats;
  /** A list that stands still: what happens from then on is shown once it is thawed. */
  readonly list: { freeze(): void; thaw(): void };
  /** Ends at once: what runs stays unfinished, until a simulator with the same `stateFolder` takes over. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * fal's queue, platform API and media over HTTP on the loopback, as FAL.md describes them: for the demo, the tests and
 * the benches. Rejects when the port is taken or the state folder cannot be written.
 */
export async function startFalSimulator(options: FalSimulatorOptions = {}): Promise<FalSimulator> {
  const { slots = 2, latencyMs = 40, clock = systemClock, acceptMs = 0, priceRise = 1 } = options;
  const state = options.stateFolder === undefined ? undefined : openStateFile(options.stateFolder);
  const opened = state?.past.find((event) => event.event === 'opened');
  const seed = options.seed ?? opened?.seed ?? randomBytes(8).toString('hex');
  const key = options.key ?? opened?.key ?? `sim-${randomBytes(12).toString('hex')}`;
  const adminKey = options.adminKey ?? opened?.adminKey ?? `sim-admin-${randomBytes(12).toString('hex')}`;
  if (opened === undefined) state?.append({ event: 'opened', seed, key, adminKey });

  const endpoints = endpointsOf(options.endpoints);
  const faults = new Faults(randomOf(`${seed} faults`));
  const decide = (run: Run): Outcome => decideRun(run, endpoints, faults);
  // The book reads the runs, and the runs tell the book: the first of the two is made with a word about the second.
  const book = new Book({
    runs: () => runs.all(),
    imagesOf: (run) => imageCountOf({ endpoints }, run),
    capMicroUsd: options.cap,
    capCounts: options.capCounts ?? (() => true),
  });
  const runs: Runs = new Runs(
    {
      slots,
      clock,
      seed,
      latencyMs: typeof latencyMs === 'number' ? () => latencyMs : latencyMs,
      decide,
      append: state?.append ?? (() => {}),
      onChange: (run) => book.note(run, clock()),
    },
    state?.past ?? [],
  );
  for (const run of runs.all()) book.note(run, clock());
  const stats = new Stats(runs.meter);

  const hasKey = (call: Call, ...keys: string[]) =>
    keys.some((one) => call.headers.authorization === `Key ${one}`);
  const authorized = (call: Call) => hasKey(call, key, adminKey);
  let origin = '';
  let signatures = 0;
  const otherHost = () => origin.replace('127.0.0.1', 'localhost');
  const picture = (run: Run, index: number): Promise<Buffer> =>
    drawPicture({ endpoint: endpoints.get(run.endpoint), input: run.input, index, style: options.pictures });
  const mediaUrl = (run: Run, index: number): string | undefined => {
    const format = endpoints.get(run.endpoint)?.output(run.input).format ?? 'png';
    const path = `/files/${run.id}/${mediaToken(key, run, index)}-${index}.${format}`;
    const fault = faults.take('address', {
      method: 'NAME',
      path,
      requestId: run.id,
      endpoint: run.endpoint,
      input: run.input,
      phase: run.phase,
    });
    switch (fault?.kind) {
      case undefined:
        return `${origin}${path}`;
      case 'other-host':
        return `${otherHost()}${path}`;
      case 'signed': {
        const expires = clock() + fault.ttlMs;
        signatures += 1;
        return `${origin}${path}?expires=${expires}&signature=secret-${signatures}`;
      }
      case 'absent':
        return undefined;
    }
  };
  const common = { runs, faults, stats, endpoints, clock, authorized, mediaUrl, picture };
  const queue = {
    ...common,
    sleep: sleep satisfies Sleep,
    acceptMs,
    resultTtlMs: options.resultTtlMs ?? 3_600_000,
    bigResultTtlMs: options.bigResultTtlMs ?? 360_000,
    queueUrl: () => origin,
    price: (endpoint: Endpoint, input: Input) => priceOf(endpoint, input, priceRise),
  };
  const history = new HistoryView({
    listLagMs: options.listLagMs ?? 20,
    listShowsRunning: options.listShowsRunning ?? false,
    listInput: options.listInput ?? 'as-posted',
    randomOf: (run) => randomOf(`${seed} list ${run.id}`),
  });
  const platform = {
    ...common,
    history,
    billingLagMs: options.billingLagMs ?? 20,
    percentDiscount: options.percentDiscount ?? 0,
    authorizedAdmin: (call: Call) => hasKey(call, adminKey),
  };
  const media = {
    ...common,
    token: (run: Run, index: number) => mediaToken(key, run, index),
    otherHost,
  };
  const wire = await startWire({
    port: options.port ?? 0,
    handle: async (call) => {
      if (call.path.startsWith('/v1/')) return platformRoute(platform, call);
      return call.path.startsWith('/files/') ? mediaRoute(media, call) : queueRoute(queue, call);
    },
  });
  origin = `http://127.0.0.1:${wire.port}`;

  return {
    queueUrl: origin,
    apiUrl: origin,
    mediaHosts: [`127.0.0.1:${wire.port}`],
    otherMediaHost: `localhost:${wire.port}`,
    key,
    adminKey,
    book,
    faults,
    stats,
    list: { freeze: () => history.freeze(clock()), thaw: () => history.thaw() },
    async [Symbol.asyncDispose]() {
      runs.close();
      await wire[Symbol.asyncDispose]();
    },
  };
}

function decideRun(run: Run, endpoints: ReadonlyMap<string, Endpoint>, faults: Faults): Outcome {
  const fault = faults.take('run', {
    method: 'RUN',
    path: `/${run.endpoint}`,
    requestId: run.id,
    endpoint: run.endpoint,
    input: run.input,
    phase: run.phase,
  });
  if (fault !== undefined && fault.kind !== 'hide-units') return RUN_FAILURES[fault.kind];
  const endpoint = endpoints.get(run.endpoint);
  // Only a restart without the option that had added the endpoint comes here.
  const outcome =
    endpoint === undefined ? RUN_FAILURES.runner_scheduling_failure : judge(endpoint, run.input);
  return outcome.kind === 'pictures' && fault !== undefined ? { ...outcome, hideUnits: true } : outcome;
}

/** Of a success. Input that the endpoint refuses has no price: its run fails. */
function priceOf(endpoint: Endpoint, input: Input, rise: number): { units: number; microUsd: MicroUsd } {
  if (endpoint.issues(input).length > 0) return { units: 0, microUsd: 0 };
  const { priceMicroUsd, stepMicroUsd } = endpoint.unit;
  const steps = Math.ceil(Math.ceil(endpoint.costMicroUsd(input) / stepMicroUsd) * rise);
  const microUsd = steps * stepMicroUsd;
  return { units: microUsd / priceMicroUsd, microUsd };
}

/** Media addresses are public but cannot be guessed; they stay the same over restarts. */
function mediaToken(key: string, run: Run, index: number): string {
  return createHash('sha256').update(`${key} ${run.id} ${index}`).digest('hex').slice(0, 20);
}
