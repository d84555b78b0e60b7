import type { Model } from './model.ts';
import type { Registry } from './registry.ts';

/** Days before the announced end from which on it is warned about. */
const WARN_DAYS = 30;
const DAY_MS = 86_400_000;

/** 00:00 UTC of the first day without the model, ms since 1970; undefined where no end is announced. */
export function endsAtMs({ ends }: Model): number | undefined {
  return ends === undefined ? undefined : Date.parse(`${ends.date}T00:00:00Z`);
}

/** What comes after the model: the alias of its model file, else the endpoint id; undefined where nothing is named. */
export function successorOf({ ends }: Model, registry: Pick<Registry, 'find'>): string | undefined {
  const successor = ends?.successor;
  return successor === undefined ? undefined : (registry.find(successor)?.alias ?? successor);
}

/** The sentence to print where the model's announced end is near or past, else undefined. `nowMs`: wall clock. */
export function endWarning(
  model: Model,
  registry: Pick<Registry, 'find'>,
  nowMs: number,
): string | undefined {
  const atMs = endsAtMs(model);
  if (model.ends === undefined || atMs === undefined) return undefined;
  const { date, source } = model.ends;
  const days = Math.ceil((atMs - nowMs) / DAY_MS);
  if (days > WARN_DAYS) return undefined;
  const end =
    days <= 0
      ? `ended on ${date} (${source}); it is used for as long as fal answers`
      : `ends on ${date}, in ${days} ${days === 1 ? 'day' : 'days'} (${source})`;
  const successor = successorOf(model, registry);
  return `${model.alias} ${end}.${successor === undefined ? '' : ` Its successor is ${successor}: write --model ${successor}.`}`;
}
