import type { PlanFacts } from '../../operations/plan-list.ts';
import type { ColumnsCost } from '../../producer/estimate/column-costs.ts';
import type { PlanTotals } from '../../producer/plan/totals.ts';
import type { Config } from '../../shared/base/config.ts';
import { UserError } from '../../shared/base/errors.ts';
import { formatUsd } from '../../shared/base/money.ts';
import type { Context } from '../context.ts';
import type { ListArguments } from '../options/list.ts';
import { columnsSentence, isDear, timesText } from './columns.ts';

export interface Spending extends Pick<PlanTotals, 'maxMicroUsd'> {
  /** Columns of the list that multiply its cost. Default: there is no list. */
  readonly columns?: ColumnsCost;
}

/** All that a list may cost, with pictures that are made again. */
export function spendingOf(
  { maxMicroUsd }: Pick<PlanTotals, 'maxMicroUsd'>,
  { regenerate, columns }: Pick<PlanFacts, 'regenerate' | 'columns'>,
): Spending {
  return { maxMicroUsd: maxMicroUsd + (regenerate?.maxMicroUsd ?? 0), columns };
}

/** Whether `confirmSpending` asks, if it has a terminal. */
export function isAsked(
  { maxMicroUsd, columns }: Spending,
  { simulate, yes }: Pick<ListArguments, 'simulate' | 'yes'>,
  { confirmOver }: Pick<Config, 'confirmOver'>,
): boolean {
  if (simulate === true || yes === true) return false;
  return maxMicroUsd > confirmOver || (columns !== undefined && isDear(columns));
}

/**
 * Asks before spending more than `CONFIRM_OVER_USD`, and before any spending that columns of the list make much dearer
 * (`isDear`). Without a terminal it takes `--yes` or `--cap`. Simulated money is never asked about. Throws a
 * `UserError` on a no.
 */
export async function confirmSpending(
  context: Context,
  spending: Spending,
  args: Pick<ListArguments, 'simulate' | 'yes' | 'cap'>,
  config: Pick<Config, 'confirmOver'>,
  mend = 'add --yes, or --cap with the most that it may spend',
): Promise<void> {
  if (!isAsked(spending, args, config)) return;
  const { maxMicroUsd, columns } = spending;
  const amount = formatUsd(maxMicroUsd);
  const sentence = columnsSentence(columns?.columns ?? []);
  const multiplied = sentence === undefined ? '' : `${sentence}. `;
  if (!context.stdin.isTTY || !context.stderr.isTTY) {
    if (args.cap !== undefined) return;
    const dear = columns !== undefined && isDear(columns) ? columns : undefined;
    const over =
      dear === undefined
        ? `more than CONFIRM_OVER_USD (${formatUsd(config.confirmOver)})`
        : `${timesText(dear.times)} what the options alone would cost`;
    const unread =
      dear === undefined
        ? ''
        : `. Or leave what means something else in your shop unread: ${dear.columns.map(({ column }) => `--ignore ${column}`).join(' ')}`;
    throw new UserError(
      'not_confirmed',
      `${multiplied}This may cost up to ${amount}, ${over}: ${mend}${unread}.`,
    );
  }
  // Only who is asked waits for it.
  const { confirm } = await import('@inquirer/prompts');
  const yes = await confirm(
    { message: `${multiplied}This may cost up to ${amount}. Go on?`, default: false },
    { input: context.stdin, output: context.stderr, signal: context.signal },
  );
  if (!yes) throw new UserError('not_confirmed', 'Nothing was spent.');
}
