import { setTimeout as delay } from 'node:timers/promises';
import type { List } from './spec.ts';

/** What operations share. */
export const rowsOf = (...prompts: readonly string[]): List['rows'] =>
  prompts.map((prompt, at) => ({ id: `row-${at}`, prompt, recipe: at === 0 ? 'catalog' : 'original' }));

const LIMIT_MS = 30_000;

/** Or until half a minute is over: what is not so then shows at the end. */
export async function untilTrue(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const limitMs = performance.now() + LIMIT_MS;
  while (!(await isSo()) && performance.now() < limitMs) await delay(10);
}
