/** Why an address is not fetched, or undefined where it is: only over https, only from the named hosts. */
export function mediaUrlFault(address: string, mediaHosts: readonly string[]): string | undefined {
  if (!URL.canParse(address)) return 'it is no address';
  const { protocol, hostname, port, username, password } = new URL(address);
  if (username !== '' || password !== '') return 'it carries a user name or password';
  const named = mediaHosts.find((pattern) => matches(pattern, hostname, port));
  if (named === undefined) return `its host ${hostname} is none of FAL_MEDIA_HOSTS`;
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return `it is ${protocol} and not https:`;
  // `*.` can never mean this machine, so plain http needs the host by its own name.
  return isLoopback(hostname) && !named.startsWith('*.')
    ? undefined
    : 'plain http is only for a loopback host';
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

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
