import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ScheduleEvent } from './schedule.ts';

/**
 * Who may write to the bucket is not who may spend: what lets a schedule run is signed with a key that the bucket lacks.
 * HMAC-SHA256 over the name, the moment and all of the definition, so that no event can be changed, or moved to another
 * schedule or time.
 */
export interface ScheduleSigner {
  /** `folder`: of the schedule in the store. */
  sign(folder: string, event: ScheduleEvent): string;
  isSigned(folder: string, event: ScheduleEvent): boolean;
}

/** `secret`: `SCHEDULE_KEY`, else the key of fal that all workers have. */
export function scheduleSigner(secret: string): ScheduleSigner {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'shotlist: definitions of schedules', 32));
  const sign = (folder: string, event: ScheduleEvent) => {
    const { signature: _, ...signed } = { signature: undefined, ...event };
    return createHmac('sha256', key)
      .update(stableJson({ folder, ...signed }))
      .digest('hex');
  };
  return {
    sign,
    isSigned(folder, event) {
      const given = Buffer.from('signature' in event ? (event.signature ?? '') : '');
      const own = Buffer.from(sign(folder, event));
      return given.length === own.length && timingSafeEqual(given, own);
    },
  };
}

/** The same for the same value, in every order of its fields. */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
