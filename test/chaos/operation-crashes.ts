import { setTimeout as delay } from 'node:timers/promises';
import { silentLogger } from '../../src/shared/base/log.ts';
import { printLogs, untilAtRest } from './at-rest.ts';
import { openChaosShop } from './chaos-shop.ts';
import { runCommand } from './commands.ts';
import type { CrashOutcome } from './crash-points.ts';
import { inspectStage } from './invariants.ts';
import { OPERATIONS, type Operation, type OperationName } from './operations.ts';
import { type Death, type Tap, tapOf } from './points.ts';
import { type ChaosProcess, untilDead } from './processes.ts';
import { produce } from './produce.ts';
import { openStage, type Stage } from './stage.ts';

const REST_LIMIT_MS = 60_000;

/** The points that the command goes through when nothing happens to it, in their order; `hits`: how often each. */
export async function recordOperation(
  name: OperationName,
  redisUrl: string,
): Promise<ReadonlyMap<string, number>> {
  const operation: Operation = OPERATIONS[name];
  await using stage = await openOperationStage(operation, redisUrl);
  const hits = new Map<string, number>();
  const tap = tapOf([], (point) => hits.set(point, (hits.get(point) ?? 0) + 1));
  if (operation.before === undefined) await stage.startHealthy();
  else await operation.before(stage);
  await give(operation, stage, tap);
  await operation.heal?.(stage);
  await untilAtRest(stage, [operation.list.batch], REST_LIMIT_MS);
  return hits;
}

/** A person's command that dies where it is told, and is given again; what is left is looked at from outside. */
export async function runOperationCrash(
  name: OperationName,
  deaths: readonly Death[],
  redisUrl: string,
): Promise<CrashOutcome> {
  const operation: Operation = OPERATIONS[name];
  const { command, when, list, ends, restLimitMs = REST_LIMIT_MS } = operation;
  await using stage = await openOperationStage(operation, redisUrl);
  await operation.before?.(stage);
  const person = await stage.startProcess('operator', {
    batch: list.batch,
    command,
    deaths,
    falId: operation.falId?.(stage),
    ...(when === undefined ? {} : { when }),
  });
  await untilReady(person);
  if (operation.before === undefined) await stage.startHealthy();
  const reached = (await untilDead(person)) && (person.isStopped() || person.wasKilled());
  // One that waits in vain is gone, too: it would die at its point behind the same command given again.
  if (!reached && !person.hasEnded()) person.signal('SIGKILL');
  const diedMs = performance.now();
  // What it waited for came to pass before it died.
  const { when: _when, ...again } = operation;
  if (operation.isDue?.(stage) ?? true) await give(again, stage);
  if (person.isStopped()) {
    await operation.zombieWakes(stage);
    person.signal('SIGCONT');
    await untilDead(person);
    await person.ended;
  }
  await operation.heal?.(stage);
  const rested = await untilAtRest(stage, [list.batch], restLimitMs);
  const recoveryMs = performance.now() - diedMs;
  const findings = await inspectStage(stage, [{ batch: list.batch, rows: rowsWanted(operation), ends }]);
  const violations = [
    ...(rested ? [] : ['never came to rest']),
    ...findings.violations,
    ...((await operation.check?.(stage)) ?? []),
  ];
  if (violations.length > 0 && process.env['CHAOS_LOGS'] !== undefined) await printLogs(stage);
  return { ...findings, violations, reached: reached ? deaths.length : 0, recoveryMs };
}

/** With its list queued; a worker runs where the command comes to work that has begun. */
async function openOperationStage(operation: Operation, redisUrl: string): Promise<Stage> {
  const { fal, settings, list } = operation;
  const stage = await openStage({
    redisUrl,
    ...(fal === undefined ? {} : { fal: fal() }),
    ...(settings === undefined ? {} : { settings }),
  });
  try {
    operation.prepare?.(stage.fal);
    await produce({ ...stage.spec(), list, operations: 'none' }, tapOf([]), silentLogger);
    if (operation.before !== undefined) await stage.startHealthy();
    return stage;
  } catch (error) {
    await stage[Symbol.asyncDispose]();
    throw error;
  }
}

/** As a person does, who then does what the program asks for. */
async function give(
  operation: Pick<Operation, 'command' | 'list' | 'when' | 'falId'>,
  stage: Stage,
  tap?: Tap,
): Promise<void> {
  const { command, list, when } = operation;
  await using opened = await openChaosShop(stage.spec(), tap ?? ((_name, effect) => effect()), silentLogger);
  const { batch } = list;
  const falId = operation.falId?.(stage);
  await runCommand({ command, batch, falId, ...(when === undefined ? {} : { when }) }, opened);
  if ((await opened.shop.batches.stopped())?.code === 'rebuild')
    await runCommand({ command: 'rebuild', batch }, opened);
}

async function untilReady(person: ChaosProcess): Promise<void> {
  while (!person.isReady() && !person.hasEnded()) await delay(20);
}

function rowsWanted({ list }: Operation): { readonly id: string; readonly prompt: string }[] {
  return list.rows.map((row) => ({ id: row['id'] ?? '', prompt: row['prompt'] ?? '' }));
}
