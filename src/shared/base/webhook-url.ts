import { isLoopback } from './host-names.ts';

/** Long enough for any receiver, short enough for every proxy. */
const MAX_LENGTH = 2_000;

/**
 * Why an address cannot take a webhook, or undefined where it can. It is kept in the store, so it must hold no
 * password; and what it is sent is a customer's business, so it travels encrypted but on this machine.
 */
export function webhookUrlFault(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `it has more than ${MAX_LENGTH} characters`;
  if (!URL.canParse(text)) return 'it is no address, such as https://example.com/hooks/shotlist';
  const { protocol, hostname, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'it must start with https://';
  if (username !== '' || password !== '')
    return 'it holds a user name or password, which would be kept in the store; the signature tells who sent it';
  if (protocol === 'http:' && !isLoopback(hostname))
    return 'plain http is only for this machine itself (localhost); use https';
  return undefined;
}

/** What of it may stand in a log: neither the path nor the query, which can be secrets. */
export function webhookOrigin(text: string): string {
  return new URL(text).origin;
}
