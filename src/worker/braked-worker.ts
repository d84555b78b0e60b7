import { type Job, Worker } from 'bullmq';
import { redisRefusal } from '../shared/redis/refusals.ts';

/** How long a worker rests after Redis refused it a job. */
const BRAKE_MS = 500;

/**
 * BullMQ's worker asks for the next job again at once when Redis refuses to give one (6.7.0, `retryIfFailed`): thousands
 * of times a second, for as long as a right is missing or the memory is full.
 */
export class BrakedWorker extends Worker {
  protected override async moveToActive(token: string, name?: string): Promise<Job> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      if (redisRefusal(error) !== undefined) await this.delay(BRAKE_MS);
      throw error;
    }
  }
}
