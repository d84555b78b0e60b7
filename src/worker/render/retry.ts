import { backoffMs } from '../../shared/base/time.ts';

/**
 * BullMQ's `settings.backoffStrategy` of the render worker, for a job whose end is still open: milliseconds until the
 * next attempt, -1 for none. The record counts the starts that may be a picture's fault; BullMQ's attempts count
 * outages and stops as well, so they must never run out, and neither must `maxStalledCount`.
 *
 * Errors of the child arrive as a plain Error with the `name` it had there; a died child as "Unexpected exit code: …".
 */
export function renderBackoffMs(
  attemptsMade: number,
  error: Error | undefined,
  random: () => number = Math.random,
): number {
  switch (error?.name) {
    case 'MalformedError':
      return -1;
    case 'RenderStoppedError':
      return 0;
    case 'UnavailableError':
    case 'UserError':
    case 'NewerJobError':
      return 1_000 + backoffMs(Math.min(attemptsMade, 6), { baseMs: 1_000, capMs: 60_000, random });
    default:
      return 250;
  }
}
