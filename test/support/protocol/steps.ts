/** One outside effect of a worker. Between two of them a worker may be stopped, paused or overtaken. */
export interface Step {
  readonly label: string;
  readonly execute: () => void;
}

/** What a worker sees when a call fails: it cannot know whether the call took effect. */
export class CallFailed extends Error {
  override name = 'CallFailed';
}

export type Run<T> = Generator<Step, T, void>;

/** Hands one effect to the scheduler, which executes it, or throws `CallFailed` in its place or after it. */
export function* step<T>(label: string, effect: () => T): Run<T> {
  let done: { readonly value: T } | undefined;
  yield {
    label,
    execute: () => {
      done = { value: effect() };
    },
  };
  if (done === undefined) throw new CallFailed(label);
  return done.value;
}

/** For effects that are safe to repeat: three tries, as the real store's client has. */
export function* repeated<T>(label: string, effect: () => T): Run<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return yield* step(label, effect);
    } catch (error) {
      if (!(error instanceof CallFailed) || tries === 3) throw error;
    }
  }
}
