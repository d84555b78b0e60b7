import pMap from 'p-map';
import { scheduleRunDepsOf } from '../app/schedule-run-deps.ts';
import { assertSigner } from '../app/schedule-signature.ts';
import { eventId } from '../cli/commands/schedule-add.ts';
import { type Context, configOf, EXIT, type Exit, printJson, printText, say } from '../cli/context.ts';
import { type OperatorArguments, simulatedElsewhere } from '../cli/open.ts';
import {
  runJson,
  type ScheduleState,
  scheduleJson,
  scheduleTable,
  timeText,
} from '../cli/output/schedule.ts';
import { nextDue, runNow } from '../producer/schedules/run.ts';
import { UserError } from '../shared/base/errors.ts';
import { silentLogger } from '../shared/base/log.ts';
import { systemClock } from '../shared/base/time.ts';
import { readStatus } from '../shared/status/read-status.ts';
import { allSchedules, knownSchedule, type OpenedSchedules, withSchedules } from './schedule-services.ts';

const READS_AT_ONCE = 16;

/** `schedule list`: every schedule, when it is due, and how its last run went. */
export async function scheduleListCommand(context: Context, args: OperatorArguments): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const now = systemClock();
    const { shop, schedules, queue } = opened;
    const states = await pMap(
      await allSchedules(context, opened),
      async (schedule): Promise<ScheduleState> => {
        const lastRun = await schedules.lastRun(schedule.definition.name, now, context.signal);
        const batch = lastRun?.batch;
        return { schedule, lastRun, status: batch === undefined ? undefined : await readStatus(shop, batch) };
      },
      { concurrency: READS_AT_ONCE },
    );
    if (args.json === true) {
      printJson(
        context,
        states.map((state) => scheduleJson(state, now)),
      );
      return EXIT.ok;
    }
    if (states.length === 0) {
      const elsewhere = simulatedElsewhere(context, args) ? ' (add --simulate for simulated ones)' : '';
      say(context, `There is no schedule${elsewhere}; add one with: shotlist schedule add NAME LIST`);
      return EXIT.ok;
    }
    printText(context, scheduleTable(states, now));
    if ((await queue.workers()) === 0)
      say(context, 'note: no worker with the role schedule runs; nothing fires until one does.');
    return EXIT.ok;
  });
}

/** `schedule run NAME`: its list as it is now, at once. */
export async function scheduleRunCommand(
  context: Context,
  name: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const config = configOf(context);
    assertSigner(config, opened.stack);
    const { definition } = await knownSchedule(context, args, name, opened);
    // What it comes to is said here; the log is for workers.
    const deps = scheduleRunDepsOf({ ...opened, context, config, log: silentLogger });
    const run = await runNow(definition, context.signal, deps);
    if (args.json === true) printJson(context, { name, ...runJson(run) });
    if (run.outcome === 'failed') throw new UserError('run_failed', `${name} failed: ${run.error}`);
    if (args.json !== true)
      say(
        context,
        `${name}: ${run.outcome === 'nothing' ? 'nothing to pay for; ' : ''}queued as ${run.batch}; follow it with: shotlist status ${run.batch} --watch`,
      );
    return EXIT.ok;
  });
}

/** `schedule pause NAME`: it is not due until it is resumed. What it has queued goes on. */
export async function schedulePauseCommand(
  context: Context,
  name: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const { paused } = await knownSchedule(context, args, name, opened);
    if (!paused) await write(context, name, 'pause', opened);
    await opened.queue.remove(name);
    return tell(
      context,
      args,
      { name, state: 'paused' },
      `${name} is paused; shotlist schedule resume ${name}`,
    );
  });
}

/** `schedule resume NAME`: it is due again, from now on. */
export async function scheduleResumeCommand(
  context: Context,
  name: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const { paused, definition } = await knownSchedule(context, args, name, opened);
    if (paused) {
      await write(context, name, 'resume', opened);
      await opened.queue.upsert(name, definition.rule);
    }
    const next = nextDue(definition, systemClock());
    const when = next === undefined ? 'never' : timeText(next, definition.rule);
    return tell(context, args, { name, state: 'active' }, `${name} goes on; next run: ${when}.`);
  });
}

/** `schedule remove NAME`: it is not due any more. What it has queued goes on, and is paid. */
export async function scheduleRemoveCommand(
  context: Context,
  name: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    await knownSchedule(context, args, name, opened);
    await write(context, name, 'remove', opened);
    await opened.queue.remove(name);
    return tell(
      context,
      args,
      { name, state: 'removed' },
      `${name} is removed; what it has queued goes on (shotlist cancel BATCH drops that).`,
    );
  });
}

async function write(
  context: Context,
  name: string,
  kind: 'pause' | 'resume' | 'remove',
  { schedules, stack }: OpenedSchedules,
): Promise<void> {
  if (kind === 'resume') assertSigner(configOf(context), stack);
  await schedules.writeEvent(name, { kind, at: systemClock() }, eventId(), context.signal);
}

function tell(context: Context, { json }: OperatorArguments, result: object, sentence: string): Exit {
  if (json === true) printJson(context, result);
  else say(context, sentence);
  return EXIT.ok;
}
