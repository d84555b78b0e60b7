/** One outside effect of a worker. Between two of them a worker may be stopped, paused or overtaken. */
export interface Step {
  readonly label: string;
  /** A look changes nothing that outlives the worker, and so breaks no promise. */
  readonly kind: 'change' | 'look';
  readonly execute: () => void;
}

/** What a worker sees when a call fails: it cannot know whether the call took effect. */
export class CallFailed extends Error {
  override name = 'CallFailed';
}

/** One for all: millions of calls fail, and to note where is most of what that costs. */
export const CALL_FAILED = new CallFailed('The call failed.');

export type Run<T> = Generator<Step, T, void>;

/** Hands one effect to the scheduler, which executes it, or throws `CallFailed` in its place or after it. */
export function* step<T>(label: string, effect: () => T, kind: Step['kind'] = 'change'): Run<T> {
  let done: { readonly value: T } | undefined;
  yield {
    label,
    kind,
    execute: () => {
      done = { value: effect() };
    },
  };
  if (done === undefined) throw CALL_FAILED;
  return done.value;
}

export function look<T>(label: string, effect: () => T): Run<T> {
  return step(label, effect, 'look');
}

/** For effects that are safe to repeat: three tries, as the real store's client has. */
export function* repeated<T>(label: string, effect: () => T, kind: Step['kind'] = 'change'): Run<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return yield* step(label, effect, kind);
    } catch (error) {
      if (!(error instanceof CallFailed) || tries === 3) throw error;
    }
  }
}

export function lookRepeatedly<T>(label: string, effect: () => T): Run<T> {
  return repeated(label, effect, 'look');
}
