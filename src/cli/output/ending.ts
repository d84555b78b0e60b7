import type { EndingStanding } from '../../shared/queues/completion-queue.ts';

/** For a person; undefined where nothing is left. */
export function endingSentence(
  batch: string,
  left: EndingStanding | 'to-come' | undefined,
): string | undefined {
  if (left === undefined) return undefined;
  if (left === 'to-come' || left.kind === 'manifest')
    return `The manifest of ${batch} is still to be written: it is as long as a worker runs.`;
  const last = left.reason === undefined ? '' : ` (last: ${left.reason})`;
  if (left.state === 'given-up')
    return `The webhook of ${batch} was given up${last}: tell the receiver by hand what shotlist status ${batch} --json prints.`;
  if (left.state === 'later' && left.reason === undefined)
    return `The webhook of ${batch} waits for a worker that has WEBHOOK_SECRET.`;
  return `The webhook of ${batch} is not delivered yet${last}: it is tried for a day, as long as a worker runs.`;
}
