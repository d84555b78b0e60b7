import { randomBytes } from 'node:crypto';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Attendance } from './presence.ts';

export interface HeartbeatDeps {
  readonly attendance: Pick<Attendance, 'here' | 'gone'>;
  readonly roles: readonly string[];
  readonly log: Logger;
}

const EVERY_MS = 3_000;

/** Resolves once it is said that this worker is there, says so again from then on, and at its stop that it is gone. */
export async function startHeartbeat({
  attendance,
  roles,
  log,
}: HeartbeatDeps): Promise<{ stop(): Promise<void> }> {
  const worker = randomBytes(6).toString('hex');
  let stopped = false;
  const say = async () => {
    if (stopped) return;
    await attendance
      .here(worker, roles)
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'no heartbeat'));
  };
  await say();
  let said = Promise.resolve();
  const timer = setInterval(() => {
    said = said.then(say);
  }, EVERY_MS);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await said;
      await attendance.gone(worker, roles);
    },
  };
}
