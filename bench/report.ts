/** Rewrites the figures in bench/README.md from bench/results/; nobody edits them by hand. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BENCHES, readResults } from './support/figures.ts';
import { withFigures } from './support/figures-page.ts';

const path = join(import.meta.dirname, 'README.md');
const results = await Promise.all(BENCHES.map(readResults));
const page = await readFile(path, 'utf8');
await writeFile(
  path,
  withFigures(
    page,
    results.filter((one) => one !== undefined),
  ),
);
