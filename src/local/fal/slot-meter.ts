/** How well the slots are used. */
export class SlotMeter {
  readonly #slots: number;
  #busyMs = 0;
  #firstStartMs: number | undefined;
  #lastEndMs: number | undefined;

  constructor(slots: number) {
    this.#slots = slots;
  }

  started(atMs: number): void {
    this.#firstStartMs ??= atMs;
  }

  ended(startedAtMs: number, atMs: number): void {
    // A run that began before a reset counts from the first start after it.
    this.#busyMs += Math.max(0, atMs - Math.max(startedAtMs, this.#firstStartMs ?? atMs));
    this.#lastEndMs = Math.max(this.#lastEndMs ?? atMs, atMs);
  }

  /** Share of the slots' time that was used from the first start to the last end, 0 to 1; 0 before the first end. */
  busy(): number {
    if (this.#firstStartMs === undefined || this.#lastEndMs === undefined) return 0;
    const spanMs = this.#lastEndMs - this.#firstStartMs;
    return spanMs <= 0 ? 0 : this.#busyMs / (spanMs * this.#slots);
  }

  reset(): void {
    this.#busyMs = 0;
    this.#firstStartMs = undefined;
    this.#lastEndMs = undefined;
  }
}
