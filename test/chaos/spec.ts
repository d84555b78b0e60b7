import type { Environment } from '../../src/shared/base/config.ts';
import type { Flakiness } from './flaky-store.ts';
import type { Mutation } from './mutations.ts';
import type { Death } from './points.ts';

/** All that a chaos process is told, as JSON in its one argument. */
export interface ProcessSpec {
  /** What `readConfig` reads: Redis, fal, caps. */
  readonly settings: Environment;
  readonly storeFolder: string;
  readonly deaths: readonly Death[];
  readonly mutation?: Mutation | undefined;
  readonly flaky?: Flakiness | undefined;
  /** `children`: BullMQ's sandboxed processes, as in production; `inline`: in this process, so that points can be hit. */
  readonly render: 'children' | 'inline';
  readonly postWindowMs: number;
}

export interface ProducerSpec extends ProcessSpec {
  readonly list: List;
  /** Behind the enqueue: pause the batch and resume it. */
  readonly operations: 'none' | 'pause-and-resume';
}

/** What a person does to a batch, or to all, in a process of its own. */
export const COMMANDS = [
  'pause-and-resume',
  'cancel',
  'retry',
  'rebuild',
  'reconcile',
  'unknown-adopt',
  'unknown-absent',
] as const;
export type Command = (typeof COMMANDS)[number];

export interface OperatorSpec extends ProcessSpec {
  readonly batch: string;
  readonly command: Command;
  /** When the command is given, by what the batch counts; default: at once. */
  readonly when?: { readonly submitted: number };
  /** What `unknown adopt` says is the first request of the batch. */
  readonly falId?: string | undefined;
}

export interface List {
  readonly batch: string;
  readonly rows: readonly Readonly<Record<string, string>>[];
  readonly capMicroUsd?: number | undefined;
  readonly priority?: number;
  /** So often at most a picture that fails a check is made again. */
  readonly regenerate?: number;
}

/** A dead worker is noticed within about two seconds instead of fifteen. */
export const CHAOS_TIMING = { lockMs: 1_500, stalledIntervalMs: 750, sweepMs: 1_000 } as const;
