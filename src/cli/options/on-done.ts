import { InvalidArgumentError } from 'commander';
import type { Config } from '../../shared/base/config.ts';
import { UserError } from '../../shared/base/errors.ts';
import { outboundFault } from '../../shared/base/outbound-fault.ts';
import { webhookUrlFault } from '../../shared/base/webhook-url.ts';
import type { Head } from '../../shared/journal/objects.ts';
import type { ListArguments } from './list.ts';

/** Reads the address of `--on-done`; throws commander's error where it cannot take a webhook. */
export function webhookUrl(text: string): string {
  const fault = webhookUrlFault(text);
  if (fault === undefined) return text;
  throw new InvalidArgumentError(`It cannot take a webhook: ${fault}.`);
}

/** Said before anything is queued: the webhook would only wait, hours later, with nobody there to see. */
export function assertOnDone({ onDone }: Pick<ListArguments, 'onDone'>, config: Config): void {
  if (onDone === undefined) return;
  const fault = outboundFault(onDone, { hosts: config.webhookHosts, setting: 'WEBHOOK_HOSTS' });
  if (fault !== undefined) {
    throw new UserError(
      'bad_webhook',
      `--on-done cannot go there: ${fault}. WEBHOOK_HOSTS counts here and for the workers.`,
    );
  }
  if (config.webhookSecret !== undefined) return;
  throw new UserError(
    'no_webhook_secret',
    'Set WEBHOOK_SECRET, here and for the workers, to sign what --on-done sends: a text of 16 characters or more that the receiver knows too.',
  );
}

/** The head of a batch is written once. undefined where it says what was asked for. */
export function otherOnDone(batch: string, { onDone: asked }: ListArguments, head: Head): string | undefined {
  if (asked === undefined || asked === head.onDone) return undefined;
  return head.onDone === undefined
    ? `${batch} was queued before without --on-done, so its end is told to nobody`
    : `${batch} was queued before with another --on-done, which stands`;
}
