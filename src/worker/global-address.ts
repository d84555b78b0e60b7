import ipaddr from 'ipaddr.js';

/** Whether an IP address is in the open net. IANA's special ranges by ipaddr.js, which also takes IPv4 out of IPv6; and of IPv6 only what is given out (2000::/3). */
export function isGlobal(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000;
}
