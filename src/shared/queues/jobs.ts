import { z } from 'zod';
import { jobIdOf } from '../store/keys.ts';

/** One queue per scarce thing: fal's slots, nothing, the CPU. */
export const QUEUES = ['generate', 'collect', 'render'] as const;

export type QueueName = (typeof QUEUES)[number];

const PAYLOAD_VERSION = 1;

/** A job carries an id and nothing else: the record is the truth, the job is the doorbell. */
const payload = z.object({ v: z.int().min(1), request: z.string().min(1) });

export type Payload = z.infer<typeof payload>;

/** A job to add. Its id makes a repeat harmless. */
export interface JobCall {
  readonly request: string;
  readonly round: number;
  /** BullMQ's: 1 is the most urgent, 2,097,151 the least. */
  readonly priority: number;
  readonly delayMs?: number;
}

export const DEFAULT_PRIORITY = 1_000;
export const MAX_PRIORITY = 2_097_151;

/**
 * `newer`: written by a later release during a rolling deploy; to be left for a worker that understands it.
 * undefined: no payload of ours.
 */
export function parsePayload(data: unknown): Payload | 'newer' | undefined {
  const parsed = payload.safeParse(data);
  if (!parsed.success) return undefined;
  return parsed.data.v > PAYLOAD_VERSION ? 'newer' : parsed.data;
}

export function jobOf({ request, round, priority, delayMs }: JobCall) {
  return {
    // BullMQ asks for a name of each job; an empty one saves bytes and says nothing, so the id carries the meaning.
    name: 'r',
    data: { v: PAYLOAD_VERSION, request } satisfies Payload,
    opts: {
      jobId: jobIdOf(request, round),
      priority,
      ...(delayMs === undefined || delayMs <= 0 ? {} : { delay: Math.ceil(delayMs) }),
    },
  };
}
