import { isLoopback, namedHost } from '../base/addresses.ts';

/** Why an address is not fetched, or undefined where it is: only over https, only from the named hosts. */
export function mediaUrlFault(address: string, mediaHosts: readonly string[]): string | undefined {
  if (!URL.canParse(address)) return 'it is no address';
  const url = new URL(address);
  const { protocol, hostname, username, password } = url;
  if (username !== '' || password !== '') return 'it carries a user name or password';
  const named = namedHost(url, mediaHosts);
  if (named === undefined) return `its host ${hostname} is none of FAL_MEDIA_HOSTS`;
  if (protocol === 'https:') return undefined;
  if (protocol !== 'http:') return `it is ${protocol} and not https:`;
  // `*.` can never mean this machine (`*.localhost`), so plain http needs the host by its own name.
  return isLoopback(hostname) && !named.startsWith('*.')
    ? undefined
    : 'plain http is only for a loopback host';
}
