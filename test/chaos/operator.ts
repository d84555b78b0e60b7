import { setTimeout as delay } from 'node:timers/promises';
import { redisIsLost } from '../../src/cli/commands/rebuild.ts';
import { pauseBatch, resumeAll, resumeBatch } from '../../src/operations/batches.ts';
import { UserError } from '../../src/shared/base/errors.ts';
import { silentLogger } from '../../src/shared/base/log.ts';
import { openChaosShop } from './chaos-shop.ts';
import { operationsOf, runCommand } from './commands.ts';
import type { OperatorSpec, ProcessSpec } from './spec.ts';

/** The person at the admin script, whose own line to Redis nobody cuts. */
export interface Operator extends AsyncDisposable {
  pause(batch: string): Promise<void>;
  resume(batch: string): Promise<void>;
  resumeAll(): Promise<void>;
  give(command: OperatorSpec['command'], batch: string): Promise<void>;
  /** Whether `shotlist status` or the refusal of a worker says to rebuild. */
  mustRebuild(): Promise<boolean>;
}

const RESUME_TRIES = 20;

export async function openOperator(spec: ProcessSpec): Promise<Operator> {
  const opened = await openChaosShop(spec, (_name, effect) => effect(), silentLogger);
  const operations = operationsOf(opened.shop);
  return {
    async pause(batch) {
      await pauseBatch(batch, operations);
    },
    async resume(batch) {
      await resumeBatch(batch, { cap: undefined }, operations);
    },
    async resumeAll() {
      // A worker that looked right before the end of a rebuild says once more that Redis is lost, and takes it back.
      for (let tries = 1; ; tries += 1) {
        try {
          await resumeAll(operations);
          return;
        } catch (error) {
          if (!(error instanceof UserError) || tries === RESUME_TRIES) throw error;
          await delay(500);
        }
      }
    },
    async give(command, batch) {
      await runCommand({ command, batch }, opened);
    },
    mustRebuild: () => redisIsLost(opened.shop, AbortSignal.timeout(10_000)),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
