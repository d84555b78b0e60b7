import { UserError } from '../../shared/base/errors.ts';
import type { MicroUsd } from '../../shared/base/money.ts';
import type { PlannedRequest } from '../../shared/journal/plan-row.ts';
import type { Model } from '../../shared/models/model.ts';
import { pricerOf } from '../../shared/models/price.ts';
import { type Tier, tierOf } from '../../shared/models/tier.ts';
import { requestsOf } from '../plan/requests.ts';
import { lookUp, type PlanWriterDeps, type WrittenRow } from '../plan/writer.ts';
import type { Shot } from '../shots/shot.ts';
import { RowCosts } from './coverage.ts';

/** What the whole list comes to at one option of the model's tier. */
export interface FitOption {
  readonly value: string;
  readonly requests: number;
  readonly minMicroUsd: MicroUsd;
  readonly maxMicroUsd: MicroUsd;
  /** Rows from the list's beginning that the budget pays for. */
  readonly rows: number;
}

export interface FitResult {
  readonly budgetMicroUsd: MicroUsd;
  /** fal's name of the input, and our option for it. */
  readonly input: string;
  readonly flag: string;
  /** Cheapest first. */
  readonly options: readonly FitOption[];
  /** The best that the budget pays for on all rows; undefined where none fits. */
  readonly best: string | undefined;
  /** Rows that name another option themselves, which wins over the command line's: they are counted at the fitted one. */
  readonly rowsOfTheirOwn: number;
  /** Rows of another model, counted as they are. */
  readonly rowsOfOtherModels: number;
}

const AHEAD = 32;

/** Adds a list up at every quality of a model, so that the best one within a budget is known in the same pass. */
export class Fit {
  readonly #budgetMicroUsd: MicroUsd;
  readonly #model: Model;
  readonly #tier: Tier;
  readonly #deps: Pick<PlanWriterDeps, 'made' | 'paid' | 'takes' | 'hashOf'>;
  readonly #sums: { -readonly [K in keyof FitOption]: FitOption[K] }[];
  readonly #costs: readonly RowCosts[];
  readonly #ahead: Promise<readonly PlannedRequest[]>[][] = [];
  #rowsOfTheirOwn = 0;
  #rowsOfOtherModels = 0;

  /** Throws a `UserError` where the model has nothing to choose by. */
  constructor(
    budgetMicroUsd: MicroUsd,
    model: Model,
    deps: Pick<PlanWriterDeps, 'made' | 'paid' | 'takes' | 'hashOf'>,
  ) {
    const tier = tierOf(model);
    if (tier === undefined) {
      throw new UserError('usage', `--fit chooses a quality, and ${model.alias} has none to choose.`);
    }
    this.#budgetMicroUsd = budgetMicroUsd;
    this.#model = model;
    this.#tier = tier;
    this.#deps = deps;
    this.#sums = tier.options.map((value) => ({
      value,
      requests: 0,
      minMicroUsd: 0,
      maxMicroUsd: 0,
      rows: 0,
    }));
    this.#costs = tier.options.map(() => new RowCosts());
  }

  /** Takes a row; resolves when there is room for more. */
  async add({ shot, requests }: Pick<WrittenRow, 'shot' | 'requests'>): Promise<void> {
    const { input, options } = this.#tier;
    const other = shot.model.endpoint !== this.#model.endpoint;
    if (other) this.#rowsOfOtherModels += 1;
    else if ((shot.columns[input.name] ?? '').trim() !== '') this.#rowsOfTheirOwn += 1;
    const looked = options.map((option) =>
      other || shot.values[input.name] === option
        ? Promise.resolve(requests)
        : this.#requestsAt({ ...shot, values: { ...shot.values, [input.name]: option } }),
    );
    // Awaited in their turn.
    for (const one of looked) one.catch(() => undefined);
    this.#ahead.push(looked);
    if (this.#ahead.length >= AHEAD) await this.#sumNext();
  }

  async result(): Promise<FitResult> {
    while (this.#ahead.length > 0) await this.#sumNext();
    const options = this.#sums.map((sum, at) => ({
      ...sum,
      rows: this.#costs[at]?.rowsWithin(this.#budgetMicroUsd) ?? 0,
    }));
    return {
      budgetMicroUsd: this.#budgetMicroUsd,
      input: this.#tier.input.name,
      flag: this.#tier.input.flag,
      options,
      best: options.findLast(({ maxMicroUsd }) => maxMicroUsd <= this.#budgetMicroUsd)?.value,
      rowsOfTheirOwn: this.#rowsOfTheirOwn,
      rowsOfOtherModels: this.#rowsOfOtherModels,
    };
  }

  async #requestsAt(shot: Shot): Promise<readonly PlannedRequest[]> {
    const { made, paid } = await lookUp(shot, this.#deps);
    return requestsOf(shot, made, pricerOf(shot.model, shot.values, shot.prompt), paid);
  }

  async #sumNext(): Promise<void> {
    for (const [at, requests] of (await Promise.all(this.#ahead.shift() ?? [])).entries()) {
      const sum = this.#sums[at];
      this.#costs[at]?.add(requests);
      if (sum === undefined) continue;
      for (const { kind, minMicroUsd, maxMicroUsd } of requests) {
        if (kind !== 'pay') continue;
        sum.requests += 1;
        sum.minMicroUsd += minMicroUsd;
        sum.maxMicroUsd += maxMicroUsd;
      }
    }
  }
}
