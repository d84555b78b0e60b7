import { isIP } from 'node:net';
import { isLoopback, namedHost } from './addresses.ts';
import { isGlobal } from './global-address.ts';

export interface NamedHosts {
  /** Hosts (`name`, `name:port`, `*.` for any subdomain) that a setting names. */
  readonly hosts: readonly string[];
  /** The setting, for messages. */
  readonly setting: string;
}

/** Why an address is not asked, or undefined where it is; its name is not looked up. Holds no path and no query. */
export function outboundFault(address: string, { hosts, setting }: NamedHosts): string | undefined {
  if (!URL.canParse(address)) return 'it is no address';
  const url = new URL(address);
  const { protocol, hostname, port, username, password } = url;
  if (username !== '' || password !== '') return 'it carries a user name or password';
  const isNamed = namedHost(url, hosts) !== undefined;
  if (protocol !== 'https:' && !(protocol === 'http:' && isNamed && isLoopback(hostname)))
    return `it is ${protocol} and not https: (plain http is only for a loopback host named in ${setting})`;
  if (isNamed) return undefined;
  if (port !== '') return `its port is ${port} and not 443 (name ${url.host} in ${setting} if that is meant)`;
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    (isIP(literal) !== 0 && !isGlobal(literal))
  )
    return `${hostname} is in a private network (name it in ${setting} if that is meant)`;
  return undefined;
}
