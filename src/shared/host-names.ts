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

function matches(pattern: string, hostname: string, port: string): boolean {
  const at = pattern.lastIndexOf(':');
  const hasPort = at > 0 && /^\d+$/.test(pattern.slice(at + 1));
  const name = hasPort ? pattern.slice(0, at) : pattern;
  // Without a port in the pattern only the protocol's own port is meant; a loopback host may use any.
  if (hasPort ? port !== pattern.slice(at + 1) : port !== '' && !isLoopback(hostname)) return false;
  const host = hostname.toLowerCase();
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
}
