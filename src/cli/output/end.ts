import type { FollowWholeOptions } from '../../operations/follow-whole.ts';
import type { BatchEnd } from '../../operations/watch.ts';
import { count } from '../../shared/base/text.ts';
import { systemClock } from '../../shared/base/time.ts';
import type { BatchStatus } from '../../shared/status/status.ts';
import type { Regenerated } from '../../shared/takes/regenerated.ts';
import { type Context, EXIT, type Exit, say } from '../context.ts';

/** The exit code of a command that followed a batch. */
export const EXIT_OF: Readonly<Record<BatchEnd, Exit>> = {
  'all-delivered': EXIT.ok,
  'some-failed': EXIT.someFailed,
  held: EXIT.held,
  interrupted: EXIT.interrupted,
};

/** Follows with a progress block for each batch. */
export function followOptions(context: Context, lost?: AbortSignal): FollowWholeOptions {
  return {
    signal: context.signal,
    lost,
    async openView() {
      const { openProgress } = await import('./progress.ts');
      return await openProgress({ stderr: context.stderr, clock: systemClock });
    },
    onRegeneration: ({ batch, images, nth, most }) =>
      say(
        context,
        `${count(images, 'picture')} did not pass the checks: made again as ${batch} (take ${nth} of at most ${most})`,
      ),
  };
}

/** The last line of a command. `regenerated`: of what was made again by itself, which counts as the batch's own. */
export function endSentence(
  { batch, state, counts, heldReason }: BatchStatus,
  end: BatchEnd,
  regenerated?: Regenerated,
): string {
  if (end === 'interrupted')
    return `Interrupted. What is at fal goes on there and is paid once: the same command takes up ${batch} where it stands.`;
  if (state === 'held' || (end === 'held' && heldReason !== null))
    return `${batch} is ${state}: ${heldReason ?? ''}`;
  const { delivered: again = 0, batches = [] } = regenerated ?? {};
  const held = batches.find((one) => one.state === 'held');
  if (end === 'held' && held !== undefined) return `${held.batch} is held: ${held.heldReason ?? ''}`;
  const failed = counts.failed > again ? `, ${counts.failed - again} failed` : '';
  const anew = again === 0 ? '' : ` (${again} of them made again)`;
  return `${batch} is ${state}: ${counts.delivered + again} requests delivered${anew}${failed}.`;
}

/** Where requests that failed a check are not made again though a time was left; undefined elsewhere. */
export function noRoomSentence(requests: number): string | undefined {
  if (requests === 0) return undefined;
  return `${count(requests, 'request')} failed a check and ${requests === 1 ? 'is' : 'are'} not made again: what is left of the cap is too little.`;
}
