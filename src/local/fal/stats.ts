import type { SlotMeter } from './slot-meter.ts';

export type CallKind =
  | 'submit'
  | 'status'
  | 'result'
  | 'cancel'
  | 'media'
  | 'list'
  | 'billing'
  | 'pricing'
  | 'models';

/** How often fal was called, and how well its slots were used. */
export class Stats {
  readonly #counts = new Map<CallKind, number>();
  readonly #meter: SlotMeter;

  constructor(meter: SlotMeter) {
    this.#meter = meter;
  }

  count(kind: CallKind): void {
    this.#counts.set(kind, this.calls(kind) + 1);
  }

  calls(kind: CallKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Share of the slots' time in use between the first start and the last end, 0 to 1. */
  busy(): number {
    return this.#meter.busy();
  }

  reset(): void {
    this.#counts.clear();
    this.#meter.reset();
  }
}
