import { isIP } from 'node:net';

/** The entry of a list of hosts (`name`, `name:port`, `*.` for any subdomain) that an address is of; undefined: none. */
export function namedHost(
  { hostname, port }: Pick<URL, 'hostname' | 'port'>,
  hosts: readonly string[],
): string | undefined {
  return hosts.find((pattern) => matches(pattern, hostname, port));
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The name of an entry, without its port. An IPv6 address keeps its brackets. */
export function nameIn(pattern: string): string {
  return /^(.+):\d+$/.exec(pattern)?.[1] ?? pattern;
}

function matches(pattern: string, hostname: string, port: string): boolean {
  const name = nameIn(pattern);
  // Without a port in the pattern only the protocol's own port is meant; a loopback host may use any.
  const meant = name === pattern ? undefined : pattern.slice(name.length + 1);
  if (meant === undefined ? port !== '' && !isLoopback(hostname) : port !== meant) return false;
  const host = hostname.toLowerCase();
  if (!name.startsWith('*.')) return host === name;
  // An IP address has no subdomains.
  return isIP(host) === 0 && host.endsWith(name.slice(1));
}

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
