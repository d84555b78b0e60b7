import { InvalidArgumentError } from 'commander';
import { webhookUrlFault } from '../../shared/base/webhook-url.ts';

/** Reads the address of `--on-done`; throws commander's error where it cannot take a webhook. */
export function webhookUrl(text: string): string {
  const fault = webhookUrlFault(text);
  if (fault === undefined) return text;
  throw new InvalidArgumentError(`It cannot take a webhook: ${fault}.`);
}
