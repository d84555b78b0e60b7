import type { InputValue, Model, ModelInput } from '../../shared/models/model.ts';
import { listPrice, pricedInputs } from '../../shared/models/price.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { WrittenRow } from '../plan/writer.ts';
import { DEFAULT_VARIANTS, type ListOptions } from '../shots/options.ts';

/** A column of the list that makes rows dearer than the options and defaults alone would. */
export interface ColumnCost {
  readonly column: string;
  /** Rows that it makes dearer, and still to be paid. */
  readonly rows: number;
  /** Pictures that these rows pay for. */
  readonly images: number;
  /** Price of these rows over their price without the column, by the price list. Above 1. */
  readonly times: number;
}

export interface ColumnsCost {
  /** Dearest first; at most one for `variants`, one for `model`, and one for each input that has a price. */
  readonly columns: readonly ColumnCost[];
  /** Price of the whole list over its price without these columns. 1 if nothing is to be paid. */
  readonly times: number;
}

export interface ColumnCostsDeps {
  readonly options: ListOptions;
  readonly registry: Registry;
  /** Of the rows that name no model, if no option does either. */
  readonly defaultModel: Model;
}

interface Sum {
  rows: number;
  images: number;
  price: number;
  priceWithout: number;
}

/**
 * Compares what each row pays with what it would pay if a column were empty: a shop's own `variants` (its stock) or
 * `quality` means something else there. By the price of a picture, without prompts and rounding; memory does not grow with the list.
 */
export class ColumnCosts {
  readonly #options: ListOptions;
  readonly #model: Model;
  readonly #variants: number;
  readonly #sums = new Map<string, Sum>();
  #price = 0;
  #priceWithout = 0;

  constructor({ options, registry, defaultModel }: ColumnCostsDeps) {
    this.#options = options;
    this.#model = options.model === undefined ? defaultModel : registry.get(options.model);
    this.#variants = Number(options.variants ?? DEFAULT_VARIANTS);
  }

  add(row: Pick<WrittenRow, 'shot' | 'requests'>): void {
    let images = 0;
    for (const { kind, indices } of row.requests) if (kind === 'pay') images += indices.length;
    if (images === 0) return;
    const price = images * listPrice(row.shot.model, row.shot.values).maxMicroUsd;
    const filled = this.#filled(row);
    this.#price += price;
    this.#priceWithout += filled.length === 0 ? price : this.#without(filled, row, images);
    for (const column of filled) {
      const priceWithout = this.#without([column], row, images);
      if (price <= priceWithout) continue;
      const sum = this.#sums.get(column) ?? { rows: 0, images: 0, price: 0, priceWithout: 0 };
      this.#sums.set(column, sum);
      sum.rows += 1;
      sum.images += images;
      sum.price += price;
      sum.priceWithout += priceWithout;
    }
  }

  totals(): ColumnsCost {
    const columns = [...this.#sums].map(([column, { rows, images, price, priceWithout }]) => ({
      column,
      rows,
      images,
      times: price / priceWithout,
      more: price - priceWithout,
    }));
    columns.sort((a, b) => b.more - a.more);
    return {
      columns: columns.map(({ more: _, ...column }) => column),
      times: this.#priceWithout === 0 ? 1 : this.#price / this.#priceWithout,
    };
  }

  /** The columns of the row that decide what it costs. */
  #filled({ shot }: Pick<WrittenRow, 'shot'>): string[] {
    return ['variants', 'model', ...pricedInputs(shot.model.price)].filter((column) =>
      isFilled(shot, column),
    );
  }

  /** What the row would pay if these columns were empty. */
  #without(columns: readonly string[], { shot }: Pick<WrittenRow, 'shot'>, images: number): number {
    const model = columns.includes('model') ? this.#model : shot.model;
    const values: Record<string, InputValue> = {};
    for (const name of pricedInputs(model.price)) {
      const input = model.inputs.find((one) => one.name === name);
      const value = input === undefined ? undefined : this.#valueWithout(columns, shot, input);
      if (value !== undefined) values[name] = value;
    }
    const count = columns.includes('variants') ? Math.min(images, this.#variants) : images;
    return count * listPrice(model, values).maxMicroUsd;
  }

  #valueWithout(
    columns: readonly string[],
    shot: WrittenRow['shot'],
    { name, options = [], default: standard }: ModelInput,
  ): InputValue | undefined {
    const own = shot.values[name];
    // Another model may lack the value that the row chose.
    if (!columns.includes(name) && typeof own === 'string' && options.includes(own)) return own;
    const option = this.#options.inputs[name];
    if (option !== undefined && options.includes(option)) return option;
    return standard ?? own;
  }
}

function isFilled({ columns }: WrittenRow['shot'], column: string): boolean {
  return Object.hasOwn(columns, column) && columns[column]?.trim() !== '';
}
