import type { Room } from '../producer/estimate/coverage.ts';
import type { Config } from '../shared/base/config.ts';
import type { MicroUsd } from '../shared/base/money.ts';
import { type Clock, dayOf, monthOf } from '../shared/base/time.ts';
import { Journal } from '../shared/journal/journal.ts';
import { Corrections } from '../shared/ledger/corrections.ts';
import { batchDays } from '../shared/ledger/days.ts';
import { mergedBatchDay, mergedLedger } from '../shared/ledger/ledger.ts';
import { wordAndCap } from '../shared/requests/derive.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';

export interface RoomDeps {
  readonly caps: Config['caps'];
  readonly batch: string;
  /** The batch's own; one that stands already keeps the cap that it has. */
  readonly cap: MicroUsd | undefined;
  /** undefined where there is no store yet, and so nothing is spent. */
  readonly store: ObjectStore | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * What each cap has left, by the ledger of the store as fal's bill corrected it. The ledger is listed only where a day or
 * a month has a cap: one page for a thousand requests of it.
 */
export async function roomsLeft(deps: RoomDeps): Promise<Room[]> {
  const { caps, store, clock, signal } = deps;
  const rooms = await batchRoom(deps);
  if (caps.daily === undefined && caps.monthly === undefined) return rooms;
  const today = dayOf(clock());
  const from = caps.monthly === undefined ? today : `${monthOf(today)}-01`;
  const spent = store === undefined ? { day: 0, month: 0 } : await spentSince(store, from, today, signal);
  const add = (name: Room['cap'], limit: MicroUsd | undefined, gone: MicroUsd) => {
    if (limit !== undefined) rooms.push({ cap: name, limitMicroUsd: limit, leftMicroUsd: limit - gone });
  };
  add('DAILY_CAP_USD', caps.daily, spent.day);
  add('MONTHLY_CAP_USD', caps.monthly, spent.month);
  return rooms;
}

async function batchRoom({ batch, cap, store, clock, signal }: RoomDeps): Promise<Room[]> {
  const roomOf = (limit: MicroUsd | undefined, spent: MicroUsd): Room[] =>
    limit === undefined ? [] : [{ cap: '--cap', limitMicroUsd: limit, leftMicroUsd: limit - spent }];
  if (store === undefined) return roomOf(cap, 0);
  const journal = new Journal({ store });
  const head = await journal.readHead(batch, signal);
  if (head === undefined) return roomOf(cap, 0);
  const standing = wordAndCap(await journal.events(batch, signal), head.cap).cap;
  if (standing === undefined) return [];
  const corrections = new Corrections({ store });
  let spent = 0;
  for (const day of batchDays(head, {}, clock())) {
    for (const entry of await mergedBatchDay({ store, corrections }, batch, day, signal))
      spent += entry.costMicroUsd;
  }
  return roomOf(standing, spent);
}

async function spentSince(
  store: ObjectStore,
  from: string,
  today: string,
  signal: AbortSignal,
): Promise<{ readonly day: MicroUsd; readonly month: MicroUsd }> {
  const deps = { journal: new Journal({ store }), corrections: new Corrections({ store }) };
  let day = 0;
  let month = 0;
  for await (const entry of mergedLedger(deps, { from, to: today }, signal)) {
    month += entry.costMicroUsd;
    if (entry.day === today) day += entry.costMicroUsd;
  }
  return { day, month };
}
