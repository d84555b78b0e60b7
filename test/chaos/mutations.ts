import type { Shop } from '../../src/operations/services.ts';
import { dayOf } from '../../src/shared/base/time.ts';
import { FalError } from '../../src/shared/fal/errors.ts';
import type { FalHttp } from '../../src/shared/fal/http.ts';
import type { ObjectStore } from '../../src/shared/store/object-store.ts';
import { replaced } from './points.ts';

/**
 * Ways to break the program, each as a replaced dependency of a chaos worker. A harness that finds nothing proves
 * little: for each of these it has to (test/chaos/mutations.test.ts).
 */
export const MUTATIONS = {
  repost: 'a POST whose answer was lost is sent again',
  'skip-confirm': 'the record is not asked between the intent and the POST',
  'no-epoch': 'a run that was superseded may still write',
  'late-ledger': 'the ledger entry is written some time after the job, as a completed event would',
  'release-unknown': 'a reservation is released when the answer to its POST was lost',
  'free-reserve': 'nothing is reserved on the caps',
  'double-reserve': 'a reservation is taken twice and released once',
  'wrong-picture': 'a rendition is made of the picture before',
  'skip-delivery': 'a delivered request leaves no word in the journal',
} as const;

export type Mutation = keyof typeof MUTATIONS;

export interface Mutable {
  readonly shop: Shop;
  readonly http: FalHttp;
}

export function mutated({ shop, http }: Mutable, mutation: Mutation | undefined, prefix: string): Mutable {
  const moneyKey = `${prefix}:money:day:${dayOf(Date.now())}`;
  const records = (around: Parameters<typeof replaced<Shop['records']>>[1]): Mutable => ({
    http,
    shop: { ...shop, records: replaced(shop.records, around) },
  });
  const journal = (around: Parameters<typeof replaced<Shop['journal']>>[1]): Mutable => ({
    http,
    shop: { ...shop, journal: replaced(shop.journal, around) },
  });
  switch (mutation) {
    case undefined:
      return { shop, http };
    case 'repost':
      return { shop, http: reposting(http) };
    case 'skip-confirm':
      return records((method, args, call) =>
        method === 'transition' && args[0] === 'confirm'
          ? Promise.resolve({ code: 'ok', round: 0, ended: false, woken: [] })
          : call(),
      );
    case 'no-epoch':
      return records((method, args, call) =>
        method === 'transition' ? call([args[0], { ...stepOf(args), epoch: undefined }]) : call(),
      );
    case 'release-unknown':
      return records((method, args, call) =>
        method === 'transition' && args[0] === 'lose'
          ? call(['release', { ...stepOf(args), rival: undefined }])
          : call(),
      );
    case 'free-reserve':
      return records((method, args, call) =>
        method === 'transition' && args[0] === 'reserve'
          ? call([args[0], { ...stepOf(args), take: { ...takeOf(args), price: 0 } }])
          : call(),
      );
    case 'double-reserve':
      return records(async (method, args, call) => {
        const outcome = await call();
        // The money of the day is raised once more behind its back.
        if (method === 'transition' && args[0] === 'reserve') await shop.redis.hincrby(moneyKey, 'r', 1);
        return outcome;
      });
    case 'late-ledger':
      return journal((method, _args, call) => {
        if (method !== 'writeLedger') return call();
        setTimeout(call, 3_000).unref();
        return Promise.resolve();
      });
    case 'skip-delivery':
      return journal((method, _args, call) => (method === 'writeDelivery' ? Promise.resolve() : call()));
    case 'wrong-picture':
      return { http, shop: { ...shop, store: oneBehind(shop.store) } };
  }
}

function reposting(http: FalHttp): FalHttp {
  return async (request) => {
    try {
      return await http(request);
    } catch (error) {
      const lost = error instanceof FalError && error.fault.kind === 'no-answer';
      if (request.call !== 'submit' || !lost) throw error;
      return await http(request);
    }
  };
}

/** Renditions are the only objects that are put again where they stand. */
function oneBehind(store: ObjectStore): ObjectStore {
  let before: unknown;
  return replaced(store, (method, args, call) => {
    if (method !== 'put') return call();
    const [key, body, options] = args;
    const other = before ?? body;
    before = body;
    return call([key, other, options]);
  });
}

function stepOf(args: readonly unknown[]): object {
  // `transition(name, step)` is what is wrapped.
  return args[1] as object;
}

function takeOf(args: readonly unknown[]): object {
  // A `reserve` always has it.
  return (args[1] as { take: object }).take;
}
