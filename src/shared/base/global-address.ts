import ipaddr from 'ipaddr.js';

/**
 * Whether an IP address is in the open net. IANA's special ranges by ipaddr.js; of IPv6 only what is given out (2000::/3). An
 * IPv4 address in an IPv6 one is judged by itself: mapped, or behind NAT64 (64:ff9b::/96, RFC 6052), which is how a network
 * without IPv4 reaches every host that has no other address.
 */
export function isGlobal(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (parsed instanceof ipaddr.IPv4) return range === 'unicast';
  if (range === 'rfc6052') return isGlobal(new ipaddr.IPv4(parsed.toByteArray().slice(-4)).toString());
  return range === 'unicast' && ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000;
}
