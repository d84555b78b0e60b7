import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

const lockSchema = z.object({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional() })),
});

async function lockedPackages() {
  const text = await readFile(new URL('../../../package-lock.json', import.meta.url), 'utf8');
  return lockSchema.parse(JSON.parse(text)).packages;
}

/** The machines that the README promises: a Mac, and Linux on both processors. */
const PLATFORMS = ['darwin-arm64', 'linux-arm64', 'linux-x64'] as const;

describe('the lockfile', () => {
  it.each(PLATFORMS)('holds the builds for %s of every package that has them', async (platform) => {
    const packages = await lockedPackages();
    const swc = platform.startsWith('linux') ? `${platform}-gnu` : platform;
    const biome = `cli-${platform}`;
    for (const name of [
      `@img/sharp-${platform}`,
      `@img/sharp-libvips-${platform}`,
      `@swc/core-${swc}`,
      `@biomejs/${biome}`,
      `@typescript/typescript-${platform}`,
    ]) {
      expect(Object.keys(packages)).toContain(`node_modules/${name}`);
    }
  });

  it('names no registry host, so that each person installs from their own', async () => {
    const text = await readFile(new URL('../../../package-lock.json', import.meta.url), 'utf8');
    expect(text).not.toMatch(/"resolved"/);
  });

  it('has a word on every package that would run a script at installation', async () => {
    const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
    const named = Object.entries(await lockedPackages())
      .filter(([, entry]) => entry['hasInstallScript'] === true)
      .filter(([path]) => !path.includes('node_modules/fsevents'))
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(Object.keys(manifest.allowScripts).sort()).toEqual([...new Set(named)].sort());
  });
});
