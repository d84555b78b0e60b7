/**
 * A point is the moment right before or right after one outside effect of the program: a transition of a record, a
 * write to the journal or the store, a job, a call of fal. Objects are wrapped from outside; nothing of it is in src.
 */

/** Runs around every effect of a wrapped object. */
export type Tap = <T>(name: string, effect: () => T) => T;

/** Which method calls are effects, and their names; undefined for what only reads. */
type NameOf = (method: string, args: readonly unknown[]) => string | undefined;

/** The same object, each of its effects led through the tap. */
export function tapped<T extends object>(target: T, nameOf: NameOf, tap: Tap): T {
  return replaced(target, (method, args, call) => {
    const name = nameOf(method, args);
    return name === undefined ? call() : tap(name, call);
  });
}

/** The same object, each method call handed to `around` instead, with the call itself as its last argument. */
export function replaced<T extends object>(
  target: T,
  around: (
    method: string,
    args: readonly unknown[],
    call: (args?: readonly unknown[], method?: string) => unknown,
  ) => unknown,
): T {
  return new Proxy(target, {
    get(object, property) {
      // The object itself is the receiver: private fields are not to be had through a proxy.
      const value: unknown = Reflect.get(object, property, object);
      if (typeof value !== 'function' || typeof property !== 'string') return value;
      return (...args: unknown[]) =>
        around(property, args, (changed = args, method = property) => {
          const own: unknown = Reflect.get(object, method, object);
          if (typeof own !== 'function') throw new TypeError(`no method ${method}`);
          return Reflect.apply(own, object, [...changed]);
        });
    },
  });
}

const JOURNAL = new Set([
  'writeHead',
  'writeChunk',
  'writeIntent',
  'takeId',
  'writeResult',
  'writeLedger',
  'writeFailure',
  'writeDelivery',
  'writeEvent',
  'writeHouseEvent',
  'writeSummary',
  'writeLife',
]);
const BATCHES = new Set([
  'create',
  'complete',
  'setWord',
  'setCap',
  'leaveBehind',
  'caughtUp',
  'summarized',
  'stop',
  'unstop',
  'unstopLost',
  'forget',
]);
const QUEUES = new Set([
  'slowDown',
  'pauseGenerate',
  'resumeGenerate',
  'limitGenerate',
  'addEnding',
  'removeIds',
  'raise',
]);
const RECORDS = new Set([
  'activate',
  'create',
  'recallFailed',
  'cancelWaiting',
  'noteWithdrawal',
  'noteLook',
]);
const DUE = new Set(['add', 'postpone', 'remove', 'hurry']);
const MISSING = new Set(['note', 'forget', 'found']);
const RESTORE = new Set([
  'claim',
  'wipe',
  'wipeBatch',
  'spent',
  'batch',
  'booked',
  'records',
  'begin',
  'release',
]);
const SETTLEMENTS = new Set(['settle']);
const STORE = new Set(['put', 'putFile', 'putOnce']);

const named = (owner: string, methods: ReadonlySet<string>): NameOf => {
  return (method) => (methods.has(method) ? `${owner}.${method}` : undefined);
};

export const EFFECTS = {
  journal: named('journal', JOURNAL),
  batches: named('batches', BATCHES),
  store: named('store', STORE),
  restore: named('restore', RESTORE),
  settlements: named('settlements', SETTLEMENTS),
  due: named('due', DUE),
  missing: named('missing', MISSING),
  queues: (method, args) =>
    method === 'add' || method === 'hurry'
      ? `queues.${method}.${String(args[0])}`
      : named('queues', QUEUES)(method, args),
  records: (method, args) => {
    if (method === 'transition') return `records.${String(args[0])}`;
    // To look for what has no job changes nothing, but where it plans the held ones again.
    if (method === 'jobless') return args[1] === 'unhold' ? 'records.unhold' : undefined;
    return named('records', RECORDS)(method, args);
  },
} as const satisfies Record<string, NameOf>;

/** What a process does to itself when it gets there: a crash, or a long stop from which it returns as a zombie. */
export interface Death {
  /** `before records.confirm` */
  readonly point: string;
  /** At its n-th hit, from 1. */
  readonly nth: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

/** Counts the hits of every point; at the told one the process ends or stops, in the middle of this very turn. */
export function tapOf(deaths: readonly Death[], onHit: (point: string) => void = () => undefined): Tap {
  const hits = new Map<string, number>();
  const reach = (point: string) => {
    const count = (hits.get(point) ?? 0) + 1;
    hits.set(point, count);
    onHit(point);
    const death = deaths.find((one) => one.point === point && one.nth === count);
    if (death !== undefined) process.kill(process.pid, death.signal);
  };
  return (name, effect) => {
    reach(`before ${name}`);
    const result = effect();
    if (isAsyncIterable(result)) {
      const walked: unknown = reaching(result, () => reach(`after ${name}`));
      // A generator in, a generator of the same values out.
      return walked as typeof result;
    }
    if (!(result instanceof Promise)) return result;
    const after = result.then((value: unknown) => {
      reach(`after ${name}`);
      return value;
    });
    // A promise in, a promise of the same value out.
    return after as typeof result;
  };
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** What is yielded has happened. */
async function* reaching<T>(from: AsyncIterable<T>, reach: () => void): AsyncGenerator<T> {
  for await (const value of from) {
    reach();
    yield value;
  }
}
