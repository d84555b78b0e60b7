import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { isLoopback, namedHost, nameIn } from './addresses.ts';
import { isGlobal } from './global-address.ts';
import { type NamedHosts, outboundFault } from './outbound-fault.ts';

/** The door for every address that a user, a file or an answer names: into the open net, or to a host that a setting names. */
export interface Outbound {
  /** Why the address is not asked, or undefined where it is; its name has not been looked up yet. Holds no path and no query. */
  fault(address: string): string | undefined;
  /** To ask it with. A name that leads into a private network rejects with the code `INNER_ADDRESS`. */
  dispatcher(address: string): Dispatcher;
  close(): Promise<void>;
}

export interface OutboundOptions extends NamedHosts {
  /** Default: the system's. */
  readonly resolve?: typeof lookup;
}

/** Node's code of a connection to a name that leads into a private network. */
export const INNER_ADDRESS = 'ERR_INNER_ADDRESS';

export function openOutbound({ hosts, setting, resolve = lookup }: OutboundOptions): Outbound {
  const bounded = { connections: 16, keepAliveTimeout: 10_000 };
  const named = new Agent({ ...bounded, connect: { timeout: 10_000 } });
  const open = new Agent({ ...bounded, connect: { timeout: 10_000, lookup: onlyGlobal(resolve) } });
  return {
    fault: (address) => outboundFault(address, { hosts, setting }),
    dispatcher: (address) => (namedHost(new URL(address), hosts) === undefined ? open : named),
    async close() {
      await Promise.all([named.close(), open.close()]);
    },
  };
}

/**
 * The door to where pictures lie. Which addresses may be asked is the media guard's; of the hosts of `FAL_MEDIA_HOSTS` only
 * those on this machine may be inside.
 */
export function openMediaOutbound(
  mediaHosts: readonly string[],
  options: Pick<OutboundOptions, 'resolve'> = {},
): Outbound {
  const hosts = mediaHosts.filter((host) => isLoopback(nameIn(host)));
  return openOutbound({ hosts, setting: 'FAL_MEDIA_HOSTS', ...options });
}

/** Looks a name up once, and connects to just what was found. One address of its own that is not global refuses the name. */
function onlyGlobal(resolve: typeof lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      const inner = error === null ? found.find(({ address }) => !isGlobal(address)) : undefined;
      const [first] = error === null ? found : [];
      if (error !== null) callback(error, '');
      else if (inner !== undefined || first === undefined)
        callback(
          Object.assign(new Error('the name leads into a private network'), { code: INNER_ADDRESS }),
          '',
        );
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}
