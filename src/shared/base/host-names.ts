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
