import { skewMs, skewText } from '../../shared/base/clocks.ts';
import { MalformedError, UserError } from '../../shared/base/errors.ts';
import { type Clock, systemClock } from '../../shared/base/time.ts';
import { createFalFacts } from '../../shared/fal/account.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { FalHttp } from '../../shared/fal/http.ts';
import { FAL_SKEW_MS } from '../../shared/fal/limits.ts';
import type { Model } from '../../shared/models/model.ts';
import { endWarning, successorOf } from '../../shared/models/model-end.ts';
import type { Registry } from '../../shared/models/registry.ts';
import { readVerdict } from '../../shared/requests/verdicts.ts';
import { type Check, type Finding, fault, halves, NotLookedAt, ok, once, warning } from './check.ts';
import { lookAtMediaHosts } from './media-hosts.ts';
import { comparePrice } from './price.ts';

export interface FalChecksDeps {
  readonly http: FalHttp;
  readonly key: string | undefined;
  readonly adminKey: string | undefined;
  readonly apiUrl: string;
  readonly queueUrl: string;
  readonly mediaHosts: readonly string[];
  readonly registry: Registry;
  /** Whose endpoint must be there; that of another model may be gone. */
  readonly defaultModel: Model;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** The sentence of a worker's start, too. */
export const NO_KEY = {
  message: 'There is no key that pays.',
  mend: 'Set FAL_KEY, or try it without paying: --simulate.',
} as const;

export function falChecks(deps: FalChecksDeps): readonly Check[] {
  const { key, adminKey, apiUrl, registry, defaultModel, clock } = deps;
  const facts = createFalFacts({ ...deps, anyEndpoint: defaultModel.endpoint });
  const firstPrice = once(async (signal) => await facts.price(defaultModel.endpoint, signal));
  const priceOf = (model: Model, signal: AbortSignal) =>
    model === defaultModel ? firstPrice(signal) : facts.price(model.endpoint, signal);
  const check = (name: string, whenFailed: Check['whenFailed'], look: Check['look']): Check => ({
    name,
    whenFailed,
    mend: 'Look at status.fal.ai and at the way out of this machine, and run the doctor again.',
    look: async (signal) => {
      try {
        return await look(signal);
      } catch (error) {
        if (error instanceof MalformedError) return { outcome: whenFailed, ...garbled(error, apiUrl) };
        if (!(error instanceof FalError)) throw error;
        // That fal is away is told once, where it is a fault.
        if (error.fault.status === 0 && whenFailed === 'warning' && key !== undefined) {
          throw new NotLookedAt("fal's platform API does not answer");
        }
        return falFinding(error, { whenFailed, apiUrl });
      }
    },
  });

  return [
    check('fal-key', 'fault', async (signal) => {
      if (key === undefined) return fault(NO_KEY.message, NO_KEY.mend);
      try {
        await firstPrice(signal);
      } catch (error) {
        // That the endpoint is unknown is told by its own check; the key was let in.
        if (!(error instanceof FalError) || error.fault.status !== 404) throw error;
      }
      return ok('fal takes FAL_KEY; whether its balance is enough shows only at a submit.');
    }),
    check('fal-admin-key', 'warning', async (signal) => {
      if (adminKey === undefined) {
        return ok('FAL_ADMIN_KEY is not set: costs are not compared with the billing events of fal.');
      }
      if (await facts.mayReadBilling(adminKey, signal)) return ok('FAL_ADMIN_KEY may read billing events.');
      return warning(
        'FAL_ADMIN_KEY may not read billing events.',
        'Set it to a key with admin scope, or unset it.',
      );
    }),
    check('fal-clock', 'warning', async (signal) => {
      const read = await facts.time(signal);
      if (read === undefined) throw new NotLookedAt("fal's answer has no date");
      return falClock(skewMs(read));
    }),
    {
      name: 'fal-media-hosts',
      whenFailed: 'warning',
      mend: 'Correct FAL_MEDIA_HOSTS.',
      look: async () => lookAtMediaHosts(deps.mediaHosts, deps.queueUrl),
    },
    ...registry.models.flatMap((model): readonly Check[] => [
      check(`fal-endpoint:${model.alias}`, 'warning', async (signal) => {
        const found = await facts.endpoint(model.endpoint, signal);
        return endpointFinding(model, found, {
          successor: successorOf(model, registry),
          missing: model === defaultModel ? fault : warning,
        });
      }),
      check(`fal-price:${model.alias}`, 'warning', async (signal) => {
        if (key === undefined) throw new NotLookedAt('fal tells prices to a key alone');
        try {
          return comparePrice(model, await priceOf(model, signal));
        } catch (error) {
          const status = error instanceof FalError ? error.fault.status : undefined;
          if (status === 404) return comparePrice(model, undefined);
          if (status === 401 || status === 403) throw new NotLookedAt('fal refuses FAL_KEY');
          throw error;
        }
      }),
      {
        name: `model-end:${model.alias}`,
        whenFailed: 'warning',
        mend: 'Choose another model.',
        look: async () => {
          const sentence = endWarning(model, registry, clock());
          if (sentence === undefined) return ok(`No end of ${model.alias} is near.`);
          return warning(
            sentence,
            model === defaultModel
              ? 'Name another model by --model, a column model, or DEFAULT_MODEL.'
              : 'Name another model where a list still names this one.',
          );
        },
      },
    ]),
  ];
}

/** What a failed call of the platform API says to a user. */
export function falFinding(
  { fault: what }: FalError,
  { whenFailed, apiUrl }: Pick<Check, 'whenFailed'> & { apiUrl: string },
): Finding {
  const verdict = readVerdict(what);
  if (verdict.kind === 'stop') {
    return { outcome: whenFailed, ...halves(verdict.stop.reason, 'Correct FAL_KEY.') };
  }
  if (what.status === 429) return warning('fal says that it is asked too often.', 'Run the doctor again.');
  const answer = what.kind === 'http' ? `HTTP ${what.status}` : NO_ANSWER[what.kind];
  return { outcome: whenFailed, ...garbled({ message: `${answer} ${what.detail}`.trim() }, apiUrl) };
}

function garbled({ message }: { readonly message: string }, apiUrl: string): Omit<Finding, 'outcome'> {
  return {
    message: `fal's platform API at ${apiUrl} does not answer as it must (${message.replace(/\.$/, '')}).`,
    mend: 'Look at the way out of this machine, at FAL_API_URL and at status.fal.ai.',
  };
}

const NO_ANSWER = {
  'never-sent': 'no connection',
  'no-answer': 'no answer',
  garbled: 'no JSON',
  'too-large': 'too long an answer',
} as const;

export function falClock(ms: number): Finding {
  if (Math.abs(ms) < FAL_SKEW_MS / 3) return ok("This machine's clock and fal's agree.");
  const text = `fal's clock is ${skewText(ms)} this machine's; at ${FAL_SKEW_MS / 1_000} s a lost answer is searched for at the wrong time, and a picture may be paid for twice.`;
  const found = Math.abs(ms) < FAL_SKEW_MS ? warning : fault;
  return found(text, 'Set the clock of this machine (NTP).');
}

function endpointFinding(
  { alias, endpoint }: Model,
  found: { readonly status: string | undefined } | undefined,
  {
    successor,
    missing,
  }: {
    readonly successor: string | undefined;
    readonly missing: (message: string, mend: string) => Finding;
  },
): Finding {
  const next =
    successor === undefined
      ? 'Choose another model.'
      : `Write --model ${successor}, its successor, or set DEFAULT_MODEL to it.`;
  if (found === undefined) return missing(`fal has no endpoint ${endpoint} (${alias}).`, next);
  if (found.status === undefined) return ok(`fal has the endpoint ${endpoint}.`);
  if (found.status === 'active') return ok(`fal says that ${endpoint} is active.`);
  return warning(`fal says that ${endpoint} is ${found.status}.`, next);
}

/** One GET that costs nothing. Rejects with a `UserError` whose sentence says what is wrong. */
export async function assertFalAnswers(
  { endpoint, ...deps }: Pick<FalChecksDeps, 'http' | 'apiUrl'> & { key: string; endpoint: string },
  signal: AbortSignal,
): Promise<void> {
  const facts = createFalFacts({ ...deps, timeoutMs: LOOK_MS, clock: systemClock, anyEndpoint: endpoint });
  try {
    await facts.price(endpoint, signal);
  } catch (error) {
    if (error instanceof MalformedError) throw new UserError('fal_away', error.message, { cause: error });
    if (!(error instanceof FalError)) throw error;
    const { fault: what } = error;
    // It answers, and let the key in: a moment of too many looks, or an endpoint that its own check tells of.
    if (what.status === 429 || what.status === 404) return;
    const { message, mend } = falFinding(error, { whenFailed: 'fault', apiUrl: deps.apiUrl });
    throw new UserError('fal_away', mend === undefined ? message : `${message} ${mend}`, { cause: error });
  }
}

const LOOK_MS = 2_000;
