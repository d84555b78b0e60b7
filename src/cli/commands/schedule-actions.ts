import { scheduleRunDepsOf } from '../../app/schedule-run-deps.ts';
import {
  knownSchedule,
  listSchedules,
  pauseSchedule,
  removeSchedule,
  resumeSchedule,
} from '../../operations/schedules.ts';
import { runNow } from '../../producer/schedules/run.ts';
import { assertSigner, signerOf, UNVERIFIED } from '../../producer/schedules/signature.ts';
import { UserError } from '../../shared/base/errors.ts';
import { silentLogger } from '../../shared/base/log.ts';
import { systemClock } from '../../shared/base/time.ts';
import { type Context, configOf, EXIT, type Exit, printJson, printText, say } from '../context.ts';
import type { OperatorArguments } from '../open.ts';
import { chooseModel } from '../output/default-model.ts';
import { runJson, scheduleJson, scheduleTable, timeText } from '../output/schedule.ts';
import { withSchedules } from '../schedules.ts';
import { sayQuote, surroundingsOf } from './queue-list.ts';

/** `schedule list`: every schedule, when it is due, and how its last run went. */
export async function scheduleListCommand(context: Context, args: OperatorArguments): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const now = systemClock();
    if (signerOf(configOf(context), opened.stack) === undefined) say(context, `note: ${UNVERIFIED}`);
    const states = await listSchedules(opened, now, context.signal);
    if (args.json === true) {
      printJson(
        context,
        states.map((state) => scheduleJson(state, now)),
      );
      return EXIT.ok;
    }
    if (states.length === 0) {
      const elsewhere = opened.simulatedElsewhere ? ' (add --simulate for simulated ones)' : '';
      say(context, `There is no schedule${elsewhere}; add one with: shotlist schedule add NAME LIST`);
      return EXIT.ok;
    }
    printText(context, scheduleTable(states, now));
    if ((await opened.queue.workers()) === 0)
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
    const { stack } = opened;
    assertSigner(config, stack);
    const { definition } = await knownSchedule(opened, name, context.signal);
    const deps = scheduleRunDepsOf({
      ...opened,
      config,
      // What it comes to is said here; the log is for workers.
      log: silentLogger,
      surroundings: surroundingsOf(context, config),
      ask: {
        chooseModel: (choice) => chooseModel(context, args, choice),
        confirm: async (quote) => {
          for (const note of stack.notes) say(context, `note: ${note}`);
          sayQuote(context, quote, { cap: definition.cap, prune: definition.options.prune }, config);
        },
      },
    });
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
    await pauseSchedule(opened, name, context.signal);
    const sentence = `${name} is paused; shotlist schedule resume ${name}`;
    return tell(context, args, { name, state: 'paused' }, sentence);
  });
}

/** `schedule resume NAME`: it is due again, from now on. */
export async function scheduleResumeCommand(
  context: Context,
  name: string,
  args: OperatorArguments,
): Promise<Exit> {
  return await withSchedules(context, args, async (opened) => {
    const { paused } = await knownSchedule(opened, name, context.signal);
    if (paused) assertSigner(configOf(context), opened.stack);
    const { definition, nextMs } = await resumeSchedule(opened, name, context.signal);
    const when = nextMs === undefined ? 'never' : timeText(nextMs, definition.rule);
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
    await removeSchedule(opened, name, context.signal);
    const sentence = `${name} is removed; what it has queued goes on (shotlist cancel BATCH drops that).`;
    return tell(context, args, { name, state: 'removed' }, sentence);
  });
}

function tell(context: Context, { json }: OperatorArguments, result: object, sentence: string): Exit {
  if (json === true) printJson(context, result);
  else say(context, sentence);
  return EXIT.ok;
}
