import { resolve } from 'node:path';
import { assertBelow } from '../../app/schedule-run-deps.ts';
import { assertOnDone } from '../../operations/on-done.ts';
import { planList } from '../../operations/plan-list.ts';
import { isPath } from '../../operations/recipe-choice.ts';
import { scheduleEventId } from '../../operations/schedules.ts';
import { refuseWebAddress, templateOf } from '../../producer/list/source.ts';
import { type RuleArguments, ruleOf } from '../../producer/schedules/rule.ts';
import { nextDue } from '../../producer/schedules/run.ts';
import { type Definition, definitionOptions, isSame } from '../../producer/schedules/schedule.ts';
import { assertSigner } from '../../producer/schedules/signature.ts';
import type { OVERLAPS } from '../../shared/base/choices.ts';
import type { Config } from '../../shared/base/config.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd } from '../../shared/base/money.ts';
import { systemClock } from '../../shared/base/time.ts';
import { loadRecipe } from '../../shared/pictures/recipes.ts';
import { ownRecipe } from '../../shared/pictures/stored.ts';
import { parseS3Address } from '../../shared/store/s3/reader.ts';
import { type Context, configOf, EXIT, type Exit, printJson, say } from '../context.ts';
import type { ListArguments } from '../options/list.ts';
import { UNFIT } from '../options/unfit.ts';
import { columnsLine } from '../output/columns.ts';
import { chooseModel } from '../output/default-model.ts';
import { planSentence } from '../output/plan.ts';
import { definitionText, scheduleJson, timeText } from '../output/schedule.ts';
import { withSchedules } from '../schedules.ts';
import { surroundingsOf } from './queue-list.ts';

export type ScheduleAddArguments = ListArguments &
  RuleArguments & { readonly overlap: (typeof OVERLAPS)[number] };

/** `schedule add NAME LIST`: from now on a worker runs the list whenever it is due. */
export async function scheduleAddCommand(
  context: Context,
  name: string,
  list: string | undefined,
  args: ScheduleAddArguments,
): Promise<Exit> {
  refuseUnfit(args);
  const config = configOf(context);
  refuseUnheard(config, args);
  assertOnDone(args, config);
  const now = systemClock();
  const asked = await definitionOf(context, name, list, args, now);
  await assertBelow(config.scheduleFolder, asked.list);
  return await withSchedules(context, args, async ({ shop, stack, schedules, queue }) => {
    assertSigner(config, stack);
    const { plan, columns } = await planList(
      surroundingsOf(context, config),
      {
        command: 'enqueue',
        list: asked.list,
        options: args,
        config,
        store: shop.store,
        chooseModel: (choice) => chooseModel(context, args, choice),
      },
      context.signal,
    );
    await using _plan = plan;
    for (const note of stack.notes) say(context, `note: ${note}`);
    say(context, `A run of the list as it is now: ${planSentence(plan.totals)}`);
    const multiplied = columnsLine(columns);
    if (multiplied !== undefined) say(context, multiplied);
    if (asked.cap !== undefined && plan.totals.maxMicroUsd > asked.cap)
      say(
        context,
        `note: that is more than the cap of ${formatUsd(asked.cap)} allows; the run would be held there.`,
      );
    const standing = await schedules.read(name, context.signal);
    const before = standing?.definition;
    const definition = before === undefined ? asked : { ...asked, rule: keptRule(before.rule, asked.rule) };
    const isThere = before !== undefined && isSame(before, definition);
    if (before !== undefined && !isThere) say(context, `Replaces ${definitionText(before)}.`);
    // The store first: Redis is brought in line with it, by this or by a worker.
    const at = systemClock();
    if (!isThere)
      await schedules.change(name, { kind: 'add', at, definition }, scheduleEventId(), context.signal);
    const paused = standing?.paused ?? false;
    if (!paused && (!isThere || !(await queue.standing()).some((one) => one.name === name && one.isAlive)))
      await queue.upsert(name, definition.rule);
    const schedule = { definition, paused, sinceMs: at };
    if (args.json === true) {
      printJson(context, scheduleJson({ schedule, lastRun: undefined, status: undefined }, at));
      return EXIT.ok;
    }
    say(context, `${isThere ? 'Unchanged' : 'Added'} ${definitionText(definition)}.`);
    const next = nextDue(definition, at);
    if (paused) say(context, `It is paused: shotlist schedule resume ${name}`);
    else if (next !== undefined) say(context, `Next run: ${timeText(next, definition.rule)}.`);
    return EXIT.ok;
  });
}

function refuseUnfit(args: ScheduleAddArguments): void {
  const given = Object.keys(UNFIT).find((option) => args[option] !== undefined);
  if (given !== undefined) throw new UserError('usage', `${UNFIT[given]}.`);
  if (args.cap === undefined && args.yes !== true) {
    throw new UserError(
      'not_confirmed',
      'A schedule spends while nobody looks: give --cap with the most that one run may spend, or --yes for no limit.',
    );
  }
}

/** A schedule that no worker could ever hear of. */
function refuseUnheard({ redis }: Config, { simulate }: ScheduleAddArguments): void {
  if (simulate === true || redis.url !== undefined) return;
  throw new UserError(
    'not_configured',
    'Set REDIS_URL and S3_BUCKET: schedules are run by a worker, which must be told where both are. To try it without: --simulate.',
  );
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

async function definitionOf(
  { cwd }: Context,
  name: string,
  list: string | undefined,
  args: ScheduleAddArguments,
  nowMs: number,
): Promise<Definition> {
  if (!NAME.test(name)) {
    throw new UserError(
      'bad_schedule',
      `${JSON.stringify(name)} cannot name a schedule: use 1 to 40 letters, digits, ".", "_" or "-", and begin with a letter or a digit.`,
    );
  }
  if (list === undefined)
    throw new UserError('usage', 'Name the list that each run reads anew: a file, or s3://bucket/key.');
  if (list === '-')
    throw new UserError(
      'usage',
      'Standard input cannot be read anew by each run: name a file, or s3://bucket/key.',
    );
  refuseWebAddress(list);
  const rule = ruleOf(args, nowMs, Intl.DateTimeFormat().resolvedOptions().timeZone);
  const { cap, priority, overlap } = args;
  return {
    name,
    // The worker that runs it stands somewhere else.
    list: parseS3Address(list) === undefined ? resolve(cwd, list) : list,
    rule,
    overlap,
    ...(cap === undefined ? { unlimited: true as const } : { cap }),
    priority,
    ...(await resolvedOf(args, cwd)),
  };
}

/** What is not the schedule's own of what was given: all that a run hands on to `enqueue`. */
const OWN: ReadonlySet<string> = new Set([
  ...Object.keys(UNFIT),
  ...['cron', 'tz', 'every', 'overlap', 'cap', 'priority', 'yes', 'json', 'simulate'],
]);

function optionsOf(args: ScheduleAddArguments): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(args)) {
    if (OWN.has(option)) continue;
    if (value !== undefined) options[option] = value;
  }
  return options;
}

/** The options, with what stands in files as text: a run opens no file but its list. */
async function resolvedOf(
  args: ScheduleAddArguments,
  cwd: string,
): Promise<Pick<Definition, 'options' | 'ownRecipe'>> {
  const { recipe, template, ...others } = optionsOf(args);
  const own =
    typeof recipe === 'string' && isPath(recipe) ? await loadRecipe(resolve(cwd, recipe)) : undefined;
  const options = {
    ...others,
    ...(typeof template === 'string' ? { template: await templateOf(template, cwd) } : {}),
    ...(own === undefined && typeof recipe === 'string' ? { recipe } : {}),
  };
  return {
    // What commander took is what the store takes; a word that is none says so here.
    options: definitionOptions.parse(options),
    ...(own === undefined ? {} : { ownRecipe: ownRecipe(own).bytes.toString('utf8') }),
  };
}

/** An interval that stays as long goes on as it did, from where it began. */
function keptRule(before: Definition['rule'], asked: Definition['rule']): Definition['rule'] {
  return before.kind === 'every' && asked.kind === 'every' && before.everyMs === asked.everyMs
    ? before
    : asked;
}
