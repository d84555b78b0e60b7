import { FalError } from '../../shared/fal/errors.ts';
import { ANSWER_TOO_LARGE, RESULT_EXPIRED } from '../../shared/journal/objects.ts';
import type { RequestFailure } from '../../shared/requests/verdicts.ts';

/** Whether fal's answer was longer than is read, so that the same would come again. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof FalError && error.fault.kind === 'too-large';
}

const SILENCE = {
  expired: { code: RESULT_EXPIRED, why: 'its history does not show the pictures' },
  'too-large': { code: ANSWER_TOO_LARGE, why: 'its history is too large to be read' },
} as const;

/** Of a request that fal's queue has forgotten, and whose pictures its history does not say. They may have been made. */
export function silentFailure(requestId: string, history: keyof typeof SILENCE): RequestFailure {
  const { code, why } = SILENCE[history];
  return { code, message: `fal no longer holds request ${requestId} and ${why}; it may have been paid for.` };
}
