/**
 * What was opened, closed in reverse order. (`AsyncDisposableStack` comes with Node 24.) Every closer runs, whatever
 * the others do; the first error is thrown at the end.
 */
export class Closers implements AsyncDisposable {
  readonly #closers: (() => unknown)[] = [];

  /** Remembers how to close a thing, and hands it back. */
  use<T extends AsyncDisposable>(thing: T): T {
    this.defer(() => thing[Symbol.asyncDispose]());
    return thing;
  }

  defer(close: () => unknown): void {
    this.#closers.push(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) {
      try {
        await close();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
