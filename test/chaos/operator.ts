import { redisIsLost } from '../../src/cli/rebuild-command.ts';
import { pauseBatch, resumeAll, resumeBatch } from '../../src/producer/batches.ts';
import { silentLogger } from '../../src/shared/log.ts';
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
      await resumeAll(operations);
    },
    async give(command, batch) {
      await runCommand({ command, batch }, opened);
    },
    mustRebuild: () => redisIsLost(opened.shop, AbortSignal.timeout(10_000)),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
