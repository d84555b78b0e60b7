import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SETTINGS } from '../../../src/shared/base/config.ts';

/** Variables that are read beside the settings, each by one entry point, and what for. */
const OTHERS = new Set([
  // The SDK's own switch for a warning.
  'AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED',
  // Secrets that the AWS SDK reads by its own chain; ours only replaces them in what is printed.
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  // Read by the AWS SDK and by Node themselves; ours only warns where they leave a connection unencrypted.
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  // How a worker tells its render children where Redis and the store are.
  'SHOTLIST_RENDER_STACK',
]);

const dist = join(import.meta.dirname, '../../../dist');

function builtFiles(): string[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
}

describe('what ships', () => {
  it('reads no environment variable but the documented settings and a few named ones', () => {
    const known = new Set([...Object.keys(SETTINGS), ...OTHERS]);
    const read = builtFiles().flatMap((name) => {
      const text = readFileSync(join(dist, name), 'utf8');
      const found = [...text.matchAll(/(?:process\.env|environment)(?:\.(\w+)|\[['"](\w+)['"]\])/g)];
      return found.map((match) => ({ name, variable: match[1] ?? match[2] ?? '' }));
    });
    expect(read.length).toBeGreaterThan(0);
    expect(read.filter(({ variable }) => !known.has(variable))).toEqual([]);
  });

  it('holds no crash point, mutation or fault that the environment could switch on', () => {
    const files = builtFiles();
    expect(files.length).toBeGreaterThan(50);
    const suspicious = files.flatMap((name) => {
      const text = readFileSync(join(dist, name), 'utf8');
      return /NODE_ENV|JEST_WORKER|CRASH_POINT|CHAOS|MUTATION/.test(text) ? [name] : [];
    });
    expect(suspicious).toEqual([]);
  });
});
