import type { MicroUsd } from '../../shared/base/money.ts';
import type { Input } from './endpoints.ts';
import type { Outcome } from './outcome.ts';

/** One accepted request. */
export interface Run {
  readonly seq: number;
  readonly id: string;
  readonly endpoint: string;
  readonly input: Input;
  readonly acceptedAtMs: number;
  /** `x-fal-request-timeout`: never started later than this. */
  readonly deadlineMs: number;
  /** Of a success. */
  readonly units: number;
  readonly priceMicroUsd: MicroUsd;
  phase: 'queued' | 'running' | 'ended';
  startedAtMs: number | undefined;
  endsAtMs: number;
  endedAtMs: number | undefined;
  /** Decided at the start, valid once the phase is `ended`. */
  outcome: Outcome | undefined;
  chargedMicroUsd: MicroUsd;
}
