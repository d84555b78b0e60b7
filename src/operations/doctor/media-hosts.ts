import { mediaUrlFault } from '../../shared/fal/media-guard.ts';
import { type Finding, fault, ok, warning } from './check.ts';

/** Where fal has served pictures from. */
const EXAMPLES = ['https://fal.media/files/a/b.png', 'https://v3.fal.media/files/a/b.png'];

/** What `FAL_MEDIA_HOSTS` lets in, against where pictures come from. Pure. */
export function lookAtMediaHosts(hosts: readonly string[], queueUrl: string): Finding {
  const isFal = /(^|\.)fal\.(run|ai)$/.test(new URL(queueUrl).hostname);
  const refused = EXAMPLES.find((address) => mediaUrlFault(address, hosts) !== undefined);
  if (isFal && refused !== undefined) {
    return fault(
      `FAL_MEDIA_HOSTS (${hosts.join(',')}) refuses ${new URL(refused).host}, so that pictures would be paid for and not fetched.`,
      'Unset FAL_MEDIA_HOSTS, or add fal.media,*.fal.media to it.',
    );
  }
  const wide = hosts.find((host) => /^\*\.[^.]+(:\d+)?$/.test(host));
  if (wide !== undefined) {
    return warning(
      `FAL_MEDIA_HOSTS holds ${wide}, which lets nearly any host in.`,
      'Name the hosts that pictures come from.',
    );
  }
  const loopback = hosts.find((host) => /^(localhost|127\.|\[::1\])/.test(host));
  if (isFal && loopback !== undefined) {
    return warning(
      `FAL_MEDIA_HOSTS holds ${loopback}, this machine itself, from which fal sends nothing.`,
      'Leave it out.',
    );
  }
  return ok(`Pictures are fetched from ${hosts.join(', ')} alone.`);
}
