import type { MicroUsd } from '../../shared/base/money.ts';
import { pricerOf } from '../../shared/models/price.ts';
import { requestsOf } from '../plan/requests.ts';
import type { WrittenRow } from '../plan/writer.ts';

/** What `--regenerate` may add to a list at most. */
export interface RegenerateCosts {
  /** So often at most a picture is made again, by one request each time. */
  readonly times: number;
  /** If every picture failed its check each time, at the dearest price; never more than the batch's own cap. */
  readonly maxMicroUsd: MicroUsd;
}

/** Adds up what it costs to make every picture of a list once more, those that exist already included: a check may fail them too. */
export class OnceMore {
  #maxMicroUsd: MicroUsd = 0;

  add({ shot, requests }: Pick<WrittenRow, 'shot' | 'requests'>): void {
    const isFree = requests.some(({ kind }) => kind !== 'pay');
    // Without them the plan's own requests are what is made again: no row is planned twice.
    const all = isFree ? requestsOf(shot, [], pricerOf(shot.model, shot.values, shot.prompt)) : requests;
    for (const { maxMicroUsd } of all) this.#maxMicroUsd += maxMicroUsd;
  }

  /** `cap`: of the batch, which holds for the list and for all that is made again together. */
  times(times: number, cap: MicroUsd | undefined): RegenerateCosts {
    const maxMicroUsd = times * this.#maxMicroUsd;
    return { times, maxMicroUsd: cap === undefined ? maxMicroUsd : Math.min(maxMicroUsd, cap) };
  }
}
