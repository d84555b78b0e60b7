import { setTimeout as delay } from 'node:timers/promises';
import type { FalSimulator, FalSimulatorOptions } from '../../src/local/fal/simulator.ts';
import type { Environment } from '../../src/shared/base/config.ts';
import { untilAtRest } from './at-rest.ts';
import type { Wanted } from './invariants.ts';
import { rowsOf, untilTrue } from './operation-rows.ts';
import { RECONCILED } from './reconcile-operation.ts';
import type { List, OperatorSpec } from './spec.ts';
import type { Stage } from './stage.ts';
import { ABSENT, ADOPTED } from './unknown-operations.ts';

/** A command of a person, in the middle of what it acts on. */
export interface Operation extends Pick<OperatorSpec, 'command' | 'when'> {
  readonly list: List;
  readonly ends: Wanted['ends'];
  readonly fal?: () => FalSimulatorOptions;
  readonly settings?: Environment;
  readonly prepare?: (fal: FalSimulator) => void;
  /** Once the command was given, and a stopped one has gone on. */
  readonly heal?: (stage: Stage) => Promise<void>;
  readonly falId?: (stage: Stage) => string | undefined;
  /** Whether a person still gives the command again, by a look at fal's dashboard; default: yes. */
  readonly isDue?: (stage: Stage) => boolean;
  /**
   * With a worker running: brings it to where the command is given. Without, the worker starts when the process that
   * gives the command stands ready.
   */
  readonly before?: (stage: Stage) => Promise<void>;
  /** When a stopped command goes on as a zombie; the same command was given again meanwhile, and has ended. */
  readonly zombieWakes: (stage: Stage) => Promise<void>;
  /** Default: a minute. */
  readonly restLimitMs?: number;
  /** What must be so at the end, beside the invariants; one sentence for each that is not. */
  readonly check?: (stage: Stage) => Promise<readonly string[]>;
}

const REFUSED = 'a cup that fal refuses';
const RETRIED = {
  list: {
    batch: 'retry',
    rows: rowsOf('a mug', `${REFUSED} 1`, `${REFUSED} 2`, 'a broken plate', 'a bloody knife'),
  },
  ends: new Map([
    ['row-3', 'media_unreachable'],
    ['row-4', 'content_policy_violation'],
  ]),
  prepare({ faults }: FalSimulator) {
    const isOf = (prompt: string) => (request: { input: Readonly<Record<string, unknown>> | undefined }) =>
      request.input?.['prompt'] === prompt;
    for (const nth of [1, 2])
      faults.add({ on: 'submit', kind: 'invalid', times: 1, when: isOf(`${REFUSED} ${nth}`) });
    faults.add({ on: 'media', kind: 'corrupt', when: isOf('a broken plate') });
  },
  zombieWakes: () => delay(1_000),
} as const;

export const OPERATIONS = {
  'pause-and-resume': {
    command: 'pause-and-resume',
    // Its cap holds it; the command brings a higher one.
    list: {
      batch: 'paused',
      rows: rowsOf('a mug', 'a bowl', 'a jug', 'a vase', 'a tray', 'a pot'),
      capMicroUsd: 30_000,
    },
    ends: new Map(),
    fal: () => ({ slots: 2, latencyMs: 300 }),
    settings: { FAL_CONCURRENCY: '2' },
    when: { submitted: 2 },
    zombieWakes: () => delay(1_000),
  },
  cancel: {
    command: 'cancel',
    list: {
      batch: 'cancelled',
      rows: rowsOf('a mug', 'a bowl', 'a jug', 'a vase', 'a tray', 'a pot', 'a cup'),
    },
    // Where fal's answer to the cancelling is lost, it is waited for for a minute, and then taken to be charged.
    ends: new Map(['row-0', 'row-1', 'row-2'].map((row) => [row, 'delivered|client_cancelled'])),
    restLimitMs: 150_000,
    // One runs, and for long; two wait behind it in fal's queue; the others wait here.
    fal: () => ({ slots: 1, latencyMs: firstTakes(5_000) }),
    settings: { FAL_CONCURRENCY: '3', FAL_START_TIMEOUT_S: '30' },
    when: { submitted: 3 },
    zombieWakes: () => delay(1_000),
    async check({ batches }) {
      const word = (await batches.read('cancelled'))?.word;
      return word === 'cancelled' ? [] : [`cancel: the batch is ${word} after it`];
    },
  },
  retry: {
    ...RETRIED,
    command: 'retry',
    async before(stage) {
      await untilAtRest(stage, ['retry']);
    },
  },
  'retry-forgotten': {
    ...RETRIED,
    command: 'retry',
    async before(stage) {
      await untilAtRest(stage, ['retry']);
      await stage.forget(':*:retry*');
    },
  },
  rebuild: {
    command: 'rebuild',
    list: {
      batch: 'rebuilt',
      rows: rowsOf(
        'a mug',
        'a vase',
        'a vase',
        'a bowl',
        'a jug',
        'a tray',
        'a pot',
        'a cup',
        'a lid',
        'a dish',
      ),
    },
    ends: new Map(),
    fal: () => ({ slots: 2, latencyMs: 300 }),
    settings: { FAL_CONCURRENCY: '4' },
    prepare({ faults }) {
      faults.add({ on: 'submit', kind: 'accepted-then-reset', times: 1 });
      faults.add({ on: 'run', kind: 'internal_server_error', times: 1 });
    },
    async before(stage) {
      await untilTrue(async () => ((await stage.batches.read('rebuilt'))?.counts.delivered ?? 0) >= 2);
      await stage.forget();
    },
    // In the middle of what the second rebuild set going.
    async zombieWakes({ fal }) {
      const sent = fal.book.entries().length;
      await untilTrue(() => fal.book.entries().length > sent);
    },
  },
  reconcile: RECONCILED,
  'unknown-adopt': ADOPTED,
  'unknown-absent': ABSENT,
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

function firstTakes(ms: number): () => number {
  let count = 0;
  return () => {
    count += 1;
    return count === 1 ? ms : 40;
  };
}
