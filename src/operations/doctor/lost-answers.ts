import type { Clock } from '../../shared/base/time.ts';
import { compareInput } from '../../shared/fal/compare-input.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { FalPlatform } from '../../shared/fal/history.ts';
import { FAL_SKEW_MS, POST_WINDOW_MS } from '../../shared/fal/limits.ts';
import { Journal } from '../../shared/journal/journal.ts';
import type { Model } from '../../shared/models/model.ts';
import { leastMarginS, marginWarning } from '../../shared/requests/absence.ts';
import { createSightings } from '../../shared/requests/sightings.ts';
import type { House } from '../../shared/requests/steps.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type Check, NotLookedAt, ok, warning } from './check.ts';

export interface LostAnswersChecksDeps {
  readonly key: string | undefined;
  readonly keyMark: string;
  readonly platform: Pick<FalPlatform, 'read'>;
  readonly store: () => Promise<ObjectStore>;
  /** What a journal of that store says of a request. */
  readonly workOf: (journal: Journal) => House['work'];
  readonly models: readonly Model[];
  readonly unknownMarginS: number | undefined;
  readonly startTimeoutS: number;
  readonly clock: Clock;
}

const HOUR_MS = 3_600_000;
/** The last hour first: of a busy account it is enough. */
const LOOK_BACK_HOURS = [1, 24] as const;
const MOST = 50;

/** Whether a lost answer could be found, by what fal shows of those that were not lost. */
export function lostAnswersChecks(deps: LostAnswersChecksDeps): readonly Check[] {
  const { models, unknownMarginS } = deps;
  return models.flatMap((model): readonly Check[] => [
    {
      name: `fal-margin:${model.alias}`,
      whenFailed: 'warning',
      mend: 'Unset FAL_UNKNOWN_MARGIN_S.',
      look: async () => {
        const said = marginWarning(unknownMarginS, model);
        if (said !== undefined) return warning(said.message, said.mend);
        return ok(
          `A lost answer counts as absent no sooner than ${model.alias} and fal's list allow (${unknownMarginS ?? leastMarginS(model)} s).`,
        );
      },
    },
    {
      name: `fal-history:${model.alias}`,
      whenFailed: 'warning',
      mend: 'Run the doctor again later.',
      look: async (signal) => await lookAtHistory(model, deps, signal),
    },
  ]);
}

async function lookAtHistory(model: Model, deps: LostAnswersChecksDeps, signal: AbortSignal) {
  if (deps.key === undefined) throw new NotLookedAt('fal shows its list to a key alone');
  const journal = new Journal({ store: await deps.store() });
  const house = { work: deps.workOf(journal) };
  const { controls } = createSightings({ ...deps, house, journal, postWindowMs: POST_WINDOW_MS });
  const nowMs = deps.clock();
  let seen = 0;
  let changed = 0;
  for (const hours of LOOK_BACK_HOURS) {
    const window = { fromMs: nowMs - hours * HOUR_MS, toMs: nowMs + FAL_SKEW_MS };
    const reading = await readOf(deps.platform.read(model.endpoint, window, signal));
    for await (const control of controls(reading, signal)) {
      seen += 1;
      if (compareInput(control.posted, control.shown, model, [control]) !== 'same') changed += 1;
      if (seen === MOST) break;
    }
    if (seen > 0) break;
  }
  if (seen === 0) return ok('No answered request of the last 24 h is in the list of fal yet.');
  const all = seen === 1 ? 'the one answered request' : `${seen} answered requests`;
  if (changed === 0) return ok(`fal's list shows ${all} as POSTed: a lost answer can be found in it.`);
  return warning(
    `fal's list hides or changes the inputs of ${changed} of the ${seen} answered requests that it shows: a lost answer waits for a user, unless every entry around it is explained.`,
    'Look at docs/unknown.md for what a lost answer asks of you then.',
  );
}

async function readOf<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof FalError)) throw error;
    // That fal is away, or refuses the key, is told once, by its own check.
    throw new NotLookedAt("fal's list of requests cannot be read");
  }
}
