import { UserError } from '../base/errors.ts';
import type { Model } from './model.ts';
import { endsAtMs } from './model-end.ts';
import type { Registry } from './registry.ts';

/** The model of the rows that name none, where no option names one either. */
export interface DefaultModel {
  readonly model: Model;
  /** `setting`: `DEFAULT_MODEL` names it. `shipped`: nobody chose. */
  readonly by: 'setting' | 'shipped';
  /** Of a shipped one: the default before it, whose end has come. Its pictures are not left silently. */
  readonly ended: Model | undefined;
}

/**
 * `named`: the setting `DEFAULT_MODEL`. Without it the first model of the registry, or, from 00:00 UTC of the day of its
 * end on, its successor, and so on. Throws a `UserError` (`unknown_model`) where the setting names no model.
 */
export function defaultModelOf(registry: Registry, named: string | undefined, nowMs: number): DefaultModel {
  if (named !== undefined) {
    try {
      return { model: registry.get(named), by: 'setting', ended: undefined };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.code, `DEFAULT_MODEL: ${error.message}`);
    }
  }
  let [model] = registry.models;
  let ended: Model | undefined;
  while (model !== undefined && nowMs >= (endsAtMs(model) ?? Number.POSITIVE_INFINITY)) {
    const next = registry.find(model.ends?.successor ?? '');
    // A successor without a file, or one that leads back, is no default.
    if (next === undefined || next === ended) break;
    ended = model;
    model = next;
  }
  if (model === undefined) throw new RangeError('a registry has a model');
  return { model, by: 'shipped', ended };
}
