/** Options that `enqueue` takes and a schedule does not: why, and what to do instead. */
export const UNFIT: Readonly<Record<string, string>> = {
  prompt: '--prompt cannot be scheduled: the same prompt is the same picture; put it into a list of one row',
  batch: '--batch cannot be given: each run is a batch of its own, named by the schedule and its due time',
  dryRun: '--dry-run schedules nothing: shotlist enqueue LIST --dry-run says what a run would make and cost',
  fit: '--fit belongs to a dry run: shotlist enqueue LIST --dry-run --fit USD',
  watch: '--watch cannot be given: nothing is queued yet; shotlist schedule list says how the runs go',
};
