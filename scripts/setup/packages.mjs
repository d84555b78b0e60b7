// Are the packages of package-lock.json in node_modules/? Pure; setup.mjs does the reading and the installing.
import { createHash } from 'node:crypto';

/**
 * @param {string} version of the running Node, such as `20.19.0`
 * @param {string} required the `engines.node` of package.json, such as `>=20.19`
 * @returns {string | undefined} a sentence for the person, when it is too old
 */
export function nodeComplaint(version, required) {
  const parts = (text) =>
    text
      .replace(/^[^\d]*/, '')
      .split('.')
      .map(Number);
  const [major = 0, minor = 0] = parts(version);
  const [wantMajor = 0, wantMinor = 0] = parts(required);
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return undefined;
  return `Shotlist needs Node ${wantMajor}.${wantMinor} or newer and this is ${version}: install a newer one, for example from nodejs.org.`;
}

/** What the stamp in node_modules/ must hold: packages of another machine's platform are not ours. */
export function lockDigest(lockText, { platform, arch, libc }) {
  return createHash('sha256').update(`${platform}-${arch}-${libc}\0${lockText}`).digest('hex');
}

/**
 * @param lock the parsed package-lock.json
 * @param installed the parsed node_modules/.package-lock.json, npm's own list of what it installed
 * @param host {platform, arch, libc}; a package made for another one need not be there
 */
export function isInstalled(lock, installed, host) {
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed.packages?.[path];
    if (found !== undefined) return found.version === wanted.version && found.integrity === wanted.integrity;
    if (wanted.optional !== true) return false;
    const named = [wanted.os, wanted.cpu].some((list) => list !== undefined);
    // Optional and for any machine: npm may leave it out together with the package that wants it.
    return !named || !fits(wanted, host);
  });
}

function fits({ os, cpu, libc }, host) {
  return allows(os, host.platform) && allows(cpu, host.arch) && allows(libc, host.libc);
}

/** npm's lists name what is allowed, or with a `!` what is not. */
function allows(list, value) {
  if (list === undefined) return true;
  if (list.includes(`!${value}`)) return false;
  const positive = list.filter((item) => !item.startsWith('!'));
  return positive.length === 0 || positive.includes(value);
}
