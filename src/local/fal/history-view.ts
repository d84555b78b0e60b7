import type { Endpoint, Input } from './endpoints.ts';
import type { Random } from './random.ts';
import type { Run } from './run.ts';

/**
 * How the list shows what was POSTed. Nobody has documented it; each of these was seen with some service. `filled`: with
 * the endpoint's defaults. `filled-wrongly`: one of them otherwise. `without-prompt` hides one field, `hidden` all.
 */
export const SHOWN_INPUTS = [
  'as-posted',
  'filled',
  'filled-wrongly',
  'hidden',
  'without-prompt',
  'shortened',
  'retyped',
  'rehosted',
] as const;
export type ShownInput = (typeof SHOWN_INPUTS)[number];

export interface HistoryViewOptions {
  readonly listLagMs: number | ((input: Input, random: Random) => number);
  readonly listShowsRunning: boolean;
  readonly listInput: ShownInput | ((input: Input, random: Random) => ShownInput);
  /** Of a run alone: the list shows it the same way each time. */
  readonly randomOf: (run: Run) => Random;
}

/** What the list shows, and since when. A list that is frozen shows what it showed then, until it is thawed. */
export class HistoryView {
  readonly #options: HistoryViewOptions;
  #frozenAtMs: number | undefined;

  constructor(options: HistoryViewOptions) {
    this.#options = options;
  }

  /** From now on (ms since 1970) nothing new is shown. */
  freeze(nowMs: number): void {
    this.#frozenAtMs ??= nowMs;
  }

  thaw(): void {
    this.#frozenAtMs = undefined;
  }

  /** The time up to which the list is informed. */
  asOf(nowMs: number): number {
    return this.#frozenAtMs ?? nowMs;
  }

  isListed(run: Run, asOfMs: number, lagMs?: number): boolean {
    const { listShowsRunning, listLagMs, randomOf } = this.#options;
    const since = listShowsRunning ? run.acceptedAtMs : run.endedAtMs;
    const ownMs = typeof listLagMs === 'number' ? listLagMs : listLagMs(run.input, randomOf(run));
    return since !== undefined && since + (lagMs ?? ownMs) <= asOfMs;
  }

  inputOf(run: Run, endpoint: Endpoint | undefined): unknown {
    const { listInput, randomOf } = this.#options;
    const how = typeof listInput === 'function' ? listInput(run.input, randomOf(run)) : listInput;
    return showInput(how, run.input, endpoint?.defaults ?? {});
  }
}

/** Pure. */
export function showInput(how: ShownInput, input: Input, defaults: Input): unknown {
  switch (how) {
    case 'as-posted':
      return input;
    case 'filled':
      return { ...defaults, ...input };
    case 'filled-wrongly':
      return { ...input, ...wrong(input, defaults) };
    case 'hidden':
      return null;
    case 'without-prompt':
      return Object.fromEntries(Object.entries(input).filter(([name]) => name !== 'prompt'));
    case 'shortened':
      return mapped(input, (value) =>
        typeof value === 'string' && value.length > 9 ? `${value.slice(0, value.length - 3)}…` : value,
      );
    case 'retyped':
      return mapped(input, (value) =>
        typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
      );
    case 'rehosted':
      return mapped(input, (value) =>
        typeof value === 'string' ? value.replace(/^https?:\/\/[^/]+/, 'https://rehosted.example') : value,
      );
  }
}

/** A default that was not POSTed, with another value. */
function wrong(input: Input, defaults: Input): Input {
  const [name] = Object.keys(defaults).filter((one) => !Object.hasOwn(input, one));
  if (name === undefined) return {};
  const value = defaults[name];
  return {
    [name]: typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : `not ${value}`,
  };
}

function mapped(input: Input, map: (value: unknown) => unknown): Input {
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, map(value)]));
}
