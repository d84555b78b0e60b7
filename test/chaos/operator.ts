import { pauseBatch, resumeAll, resumeBatch } from '../../src/producer/batches.ts';
import { silentLogger } from '../../src/shared/log.ts';
import { openChaosShop } from './chaos-shop.ts';
import { operationsOf } from './produce.ts';
import type { ProcessSpec } from './spec.ts';

/** The person at the admin script, whose own line to Redis nobody cuts. */
export interface Operator extends AsyncDisposable {
  pause(batch: string): Promise<void>;
  resume(batch: string): Promise<void>;
  resumeAll(): Promise<void>;
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
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
