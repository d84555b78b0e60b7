import { randomBytes } from 'node:crypto';
import { openStack, openStore, type Stack } from '../../app/connections.ts';
import { type CheckResult, sentenceOf } from '../../operations/doctor/check.ts';
import { type Examination, examinationOf, examine } from '../../operations/doctor/doctor.ts';
import { Schedules } from '../../producer/schedules/schedules.ts';
import { signerOf, UNVERIFIED } from '../../producer/schedules/signature.ts';
import { type Config, secretsOf } from '../../shared/base/config.ts';
import { Closers } from '../../shared/base/disposables.ts';
import { messageOf, UserError } from '../../shared/base/errors.ts';
import { type Logger, redactor } from '../../shared/base/log.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock, withTimeout } from '../../shared/base/time.ts';
import { createFalPlatform } from '../../shared/fal/history.ts';
import { createFalHttp, openFalSockets } from '../../shared/fal/http.ts';
import { defaultModelOf } from '../../shared/models/default-model.ts';
import { defaultRegistry } from '../../shared/models/registry.ts';
import { shippedRecipesFolder } from '../../shared/pictures/recipes.ts';
import { openRedis } from '../../shared/redis/redis.ts';
import { tryRights } from '../../shared/redis/rights.ts';
import { createWork } from '../../shared/requests/steps.ts';
import { keyMarkOf } from '../../shared/store/keys.ts';
import { type Context, configOf, EXIT, type Exit, openLog, printJson, printText } from '../context.ts';
import { connectionsOf } from '../encryption.ts';
import type { OperatorArguments } from '../open.ts';

/** For each check; a store that is away is asked again by its SDK, which must fit into it. */
const CHECK_TIMEOUT_MS = 15_000;

/** `doctor`: exit code 0 where nothing is at fault, else 1. */
export async function doctorCommand(context: Context, args: OperatorArguments): Promise<Exit> {
  const { found, secrets } = await examination(context, args);
  const clean = redactor([...secretsOf(context.environment), ...secrets]);
  const checks = found.checks.map((check) => ({
    ...check,
    message: clean(check.message),
    ...(check.mend === undefined ? {} : { mend: clean(check.mend) }),
  }));
  if (args.json === true) {
    const lines = checks.map(({ name, outcome, message, mend }) => ({
      name,
      outcome,
      message,
      mend: mend ?? null,
    }));
    printJson(context, { ok: found.ok, checks: lines });
  } else {
    printText(context, textOf(checks));
  }
  return found.ok ? EXIT.ok : EXIT.couldNot;
}

/** What the store holds of schedules that no worker runs; nothing where it cannot be read, which is told already. */
async function scheduleCheck(
  { signal }: Context,
  config: Config,
  stack: Stack,
  log: Logger,
): Promise<readonly CheckResult[]> {
  const odd: string[] = [];
  let found = 0;
  const signer = signerOf(config, stack);
  try {
    await using store = await openStore(stack.store, log);
    const limited = withTimeout(signal, CHECK_TIMEOUT_MS);
    const schedules = new Schedules({ store, signer });
    const all = await schedules.all((folder, error) => odd.push(`${folder}: ${messageOf(error)}`), limited);
    found = all.length;
  } catch {
    signal.throwIfAborted();
    return [];
  }
  if (odd.length > 0) {
    const message = `No worker runs ${odd.length === 1 ? 'what this says' : 'what these say'}: ${odd.slice(0, 5).join(' ')}`;
    return [{ name: 'schedules', outcome: 'warning', message, mend: 'Look at who may write to the bucket.' }];
  }
  if (found === 0) return [];
  if (signer === undefined) {
    const message = `${count(found, 'schedule')} can be read; ${UNVERIFIED}`;
    const mend = 'Set FAL_KEY, or SCHEDULE_KEY where the workers have one.';
    return [{ name: 'schedules', outcome: 'warning', message, mend }];
  }
  const message = `${count(found, 'schedule')} can be read and ${found === 1 ? 'is' : 'are'} signed.`;
  return [{ name: 'schedules', outcome: 'ok', message, mend: undefined }];
}

interface Examined {
  readonly found: Examination;
  /** What the stack brought that must not be printed. */
  readonly secrets: readonly string[];
}

async function examination(context: Context, args: OperatorArguments): Promise<Examined> {
  let config: Config;
  try {
    config = configOf(context);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Nothing can be opened by settings that cannot be read.
    const mend = 'Correct them in the environment; docs/settings.md names what each may be.';
    return {
      found: examinationOf([{ name: 'settings', outcome: 'fault', message: error.message, mend }]),
      secrets: [],
    };
  }
  await using opened = new Closers();
  const { stack, withoutRedis } = await openWhatCan(context, args, config);
  opened.use(stack);
  const log = openLog(context, config, { detail: 'quiet', secrets: stack.secrets });
  const agent = openFalSockets();
  // Not `close`: a call that was left behind must not be waited for.
  opened.defer(() => agent.destroy());
  const { redisUrl } = stack;
  const registry = defaultRegistry();
  const http = createFalHttp({ agent, clock: systemClock });
  const key = stack.fal.key ?? '';
  const openOne = async () => {
    if (redisUrl === undefined) throw withoutRedis ?? new UserError('not_configured', 'Set REDIS_URL.');
    const redis = await openRedis(redisUrl);
    opened.defer(() => redis.disconnect());
    return redis;
  };
  const found = await examine({
    machine: {
      nodeVersion: process.version,
      recipesFolder: shippedRecipesFolder(),
      caps: config.caps,
      folder: stack.store.kind === 'folder' ? stack.store.folder : undefined,
    },
    connections: connectionsOf(context, config, stack),
    redis: openOne,
    redisRights: async () => await tryRights({ redis: await openOne(), prefix: stack.prefix }),
    redisPlace: redisPlace(config, redisUrl),
    store: async () => opened.use(await openStore(stack.store, log)),
    raceName: () =>
      `race-${new Date(systemClock()).toISOString().slice(0, 10)}-${randomBytes(8).toString('hex')}.txt`,
    fal: {
      http,
      key: stack.fal.key,
      adminKey: stack.fal.adminKey,
      apiUrl: stack.fal.apiUrl,
      queueUrl: stack.fal.queueUrl,
      mediaHosts: stack.fal.mediaHosts,
      registry,
      defaultModel: defaultModelOf(registry, config.defaultModel, context.clock()).model,
    },
    lostAnswers: {
      keyMark: keyMarkOf(key),
      platform: createFalPlatform({
        http,
        key,
        apiUrl: stack.fal.apiUrl,
        timeoutMs: CHECK_TIMEOUT_MS,
        clock: systemClock,
      }),
      workOf: (journal) => createWork(journal, registry),
      unknownMarginS: config.fal.unknownMarginS,
      startTimeoutS: stack.fal.startTimeoutS,
    },
    clock: systemClock,
    timeoutMs: CHECK_TIMEOUT_MS,
    signal: context.signal,
  });
  const schedules = await scheduleCheck(context, config, stack, log);
  return { found: examinationOf([...found.checks, ...schedules]), secrets: stack.secrets };
}

/** Where the embedded Redis does not start, the rest is looked at all the same. */
async function openWhatCan(
  { cwd, signal }: Context,
  { simulate }: OperatorArguments,
  config: Config,
): Promise<{ readonly stack: Stack; readonly withoutRedis: UserError | undefined }> {
  const options = { config, embedded: 'allowed', cwd, signal } as const;
  if (simulate === true) {
    return { stack: await openStack({ ...options, simulate, redis: 'needed' }), withoutRedis: undefined };
  }
  try {
    const stack = await openStack({ ...options, simulate: false, redis: 'needed' });
    return { stack, withoutRedis: undefined };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const stack = await openStack({ ...options, simulate: false, redis: 'not-needed' });
    return { stack, withoutRedis: error };
  }
}

function redisPlace(config: Config, url: string | undefined): string {
  if (config.redis.url === undefined || url === undefined) {
    return 'the one that comes along with a command; a worker must be told of one by REDIS_URL';
  }
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '6379'}`;
}

function textOf(checks: readonly CheckResult[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.map(
    (check) =>
      `${check.outcome.padEnd(7)}  ${check.name.padEnd(width)}  ${sentenceOf(check).replace(/\s+/g, ' ')}`,
  );
  const tally = (outcome: CheckResult['outcome']) =>
    checks.filter((check) => check.outcome === outcome).length;
  return [...lines, '', `${count(tally('fault'), 'fault')}, ${count(tally('warning'), 'warning')}.`].join(
    '\n',
  );
}
