import { UserError } from '../base/errors.ts';
import { optional } from '../base/time.ts';
import { JOURNAL } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

/** Where probes of the store are written. */
export const PROBES = `${JOURNAL}probe/`;

/** One key for all probes of all time, so that they leave one tiny object and no litter. */
const PROBE_KEY = `${PROBES}create-once.txt`;

/**
 * Proves that a second create-once write of a key fails: the promise on which "paid once" rests. A store that ignores
 * the condition overwrites in silence, so it must be asked before money is spent. Rejects with a `UserError` where the
 * promise is not kept.
 */
export async function assertCreateOnce(store: ObjectStore, signal?: AbortSignal): Promise<void> {
  const body = Buffer.from('Shotlist wrote this to see that a second write of it is refused.\n');
  const write = () =>
    store.putOnce(PROBE_KEY, body, {
      contentType: 'text/plain',
      ...optional(signal),
    });
  // The first may say either: an earlier probe wrote it.
  await write();
  if ((await write()) === 'exists') return;
  throw unfit(
    store,
    'overwrites objects that must be written once, so that a picture could be paid for twice',
  );
}

export interface RaceOptions {
  /** A key that nobody has written. The winner's few bytes stay under it, since the store has no delete. */
  readonly key: string;
  readonly writers: number;
  readonly signal?: AbortSignal;
}

/**
 * Proves that of many that write one fresh key at once exactly one does: a store that looks first and writes then
 * passes `assertCreateOnce` and fails this. `untold`: no writer was told that it won, as happens when the winner's
 * answer is lost and the SDK repeats the call. Rejects with a `UserError` where several won, or a loser's bytes stand.
 */
export async function raceCreateOnce(
  store: ObjectStore,
  { key, writers, signal }: RaceOptions,
): Promise<'kept' | 'untold'> {
  const bodies = Array.from({ length: writers }, (_, writer) =>
    Buffer.from(
      `Writer ${writer} of ${writers} raced for this key; Shotlist looked whether one alone wins.\n`,
    ),
  );
  const options = { contentType: 'text/plain', ...optional(signal) };
  const ended = await Promise.allSettled(bodies.map((body) => store.putOnce(key, body, options)));
  const winners = bodies.filter((_, writer) => {
    const end = ended[writer];
    return end?.status === 'fulfilled' && end.value === 'created';
  });
  if (winners.length > 1) {
    throw unfit(
      store,
      `let ${winners.length} of ${writers} writers at once create the same object, so that a picture could be paid for twice`,
    );
  }
  const broken = ended.find((end) => end.status === 'rejected');
  if (broken !== undefined) throw broken.reason;
  const [winner] = winners;
  if (winner === undefined) return 'untold';
  const stored = await store.get(key, signal);
  if (stored?.body.equals(winner) === true) return 'kept';
  throw unfit(
    store,
    'does not hold what the one writer wrote that was told it had won, so that a picture could be paid for twice',
  );
}

function unfit({ location }: ObjectStore, what: string): UserError {
  return new UserError(
    'store_unfit',
    `${location} ${what}: use a store that honours "If-None-Match: *", such as AWS S3, MinIO, Ceph or Cloudflare R2.`,
  );
}
