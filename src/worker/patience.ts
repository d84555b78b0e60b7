import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { messageOf } from '../shared/base/errors.ts';
import type { Logger } from '../shared/base/log.ts';
import type { Clock } from '../shared/base/time.ts';
import { createVoice } from '../shared/base/voice.ts';
import { MOST_REASONS, type Wait, type Waits } from '../shared/redis/waits.ts';

/** Something is waited for, or tried again. */
export interface Waiting {
  readonly batch: string;
  /** The request; or one name for what holds back any request of the batch. */
  readonly who: string;
  /** A clause without a full stop. The same for all that wait for the same thing. */
  readonly why: string;
  /** When it is tried again. */
  readonly forMs: number;
}

/** The voice of every patience: what is waited for longer than some seconds is in the log and in `status`. */
export interface Patience {
  waits(waiting: Waiting): void;
  /** It goes on, or has ended. */
  over(who: string): void;
}

export interface PatienceDeps {
  readonly waits: Pick<Waits, 'say'>;
  /** Takes secrets out of words that came from outside. */
  readonly clean: (text: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: 3 s. */
  readonly everyMs?: number;
  /** Shorter waits are no news. Default: 10 s. */
  readonly quietMs?: number;
}

const EVERY_MS = 3_000;
const QUIET_MS = 10_000;
/** One that was to be tried again so long ago is forgotten: another worker has it. */
const GRACE_MS = 30_000;
/** Kept in memory; of more, the oldest are not counted. */
const MOST = 10_000;
const REASON_CHARACTERS = 200;
/** Between two lines of one reason of one batch: half a minute at first, ten minutes at last. */
const SPACING = { firstMs: 30_000, longestMs: 600_000 } as const;

interface Known {
  readonly batch: string;
  readonly why: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export function startPatience({
  waits,
  clean,
  clock,
  log,
  everyMs = EVERY_MS,
  quietMs = QUIET_MS,
}: PatienceDeps): Patience & { stop(): Promise<void> } {
  const worker = randomBytes(6).toString('hex');
  const known = new LRUCache<string, Known>({ max: MOST });
  const voice = createVoice({ log, clock, ...SPACING });
  /** The batches of which something stands in Redis. */
  let told = new Set<string>();
  let current: Promise<void> = Promise.resolve();

  async function tell(): Promise<void> {
    const groups = groupsOf(known, { nowMs: clock(), quietMs });
    for (const [batch, reasons] of groups) {
      for (const { reason, requests, sinceMs } of reasons) {
        const waitedS = Math.round((clock() - sinceMs) / 1_000);
        voice.say('warn', `${batch} ${reason}`, { batch, reason, requests, waitedS }, 'requests wait');
      }
      await waits.say(batch, worker, reasons);
    }
    for (const batch of told) if (!groups.has(batch)) await waits.say(batch, worker, []);
    told = new Set(groups.keys());
  }

  const timer = setInterval(() => {
    current = current
      .then(tell)
      .catch((error: unknown) =>
        voice.say('warn', 'untold', { error: messageOf(error) }, 'what waits is not in status'),
      );
  }, everyMs);

  return {
    waits({ batch, who, why, forMs }) {
      const now = clock();
      const reason = clean(why).slice(0, REASON_CHARACTERS);
      const sinceMs = known.get(who)?.sinceMs ?? now;
      known.set(who, { batch, why: reason, sinceMs, untilMs: now + forMs + GRACE_MS });
    },
    over(who) {
      known.delete(who);
    },
    async stop() {
      clearInterval(timer);
      await current;
      // Others go on with them.
      for (const batch of told) await waits.say(batch, worker, []);
    },
  };
}

function groupsOf(
  known: LRUCache<string, Known>,
  { nowMs, quietMs }: { readonly nowMs: number; readonly quietMs: number },
): ReadonlyMap<string, readonly Wait[]> {
  const batches = new Map<string, Map<string, Wait>>();
  for (const [who, { batch, why, sinceMs, untilMs }] of [...known.entries()]) {
    if (untilMs < nowMs) known.delete(who);
    if (untilMs < nowMs || nowMs - sinceMs < quietMs) continue;
    const reasons = batches.get(batch) ?? new Map<string, Wait>();
    batches.set(batch, reasons);
    const before = reasons.get(why);
    reasons.set(why, {
      reason: why,
      requests: (before?.requests ?? 0) + 1,
      sinceMs: Math.min(before?.sinceMs ?? sinceMs, sinceMs),
    });
  }
  const most = (reasons: ReadonlyMap<string, Wait>) =>
    [...reasons.values()].sort((a, b) => b.requests - a.requests).slice(0, MOST_REASONS);
  return new Map([...batches].map(([batch, reasons]) => [batch, most(reasons)]));
}
