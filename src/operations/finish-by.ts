import { type Finish, finishOf } from '../producer/estimate/duration.ts';
import type { Config } from '../shared/base/config.ts';
import type { Latencies } from '../shared/redis/latencies.ts';
import type { PlannedList } from './plan-list.ts';

/** How long fal takes for a planned list by the settings of this process; the workers' own may differ. */
export function finishBy(
  { kinds }: Pick<PlannedList, 'kinds'>,
  { fal }: Pick<Config, 'fal'>,
  latencyOf: Latencies['of'] = async () => undefined,
): Promise<Finish | undefined> {
  return finishOf(kinds, { latencyOf, concurrency: fal.concurrency, submitRate: fal.submitRate });
}
