import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodes } from '../shared/base/errors.ts';

/**
 * Who owns a folder, told in numbered files (`stack-1.json`, `stack-2.json`, …) of which the highest counts. An owner
 * that died is replaced by creating the next number, which succeeds for exactly one of any number of racing processes.
 * With one file that is removed and made again, a slow process could remove the file of the new, living owner.
 */
export interface GenerationFile {
  readonly number: number;
  readonly text: string;
}

/** The highest one; undefined when the folder or the file is not there. */
export async function readGeneration(folder: string, name: string): Promise<GenerationFile | undefined> {
  for (;;) {
    const number = Math.max(0, ...(await numbersIn(folder, name)));
    if (number === 0) return undefined;
    const text = await readFile(pathOf(folder, name, number), 'utf8').catch(ignoreMissing);
    if (text !== undefined) return { number, text };
    // Removed by the owner of a higher one, which is there by now.
  }
}

/** Creates number `after + 1`, readable by this user alone. False: somebody else did; read again. */
export async function claimGeneration(
  folder: string,
  name: string,
  after: number,
  text: string,
): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = pathOf(folder, name, after + 1);
  if (!(await createWhole(path, text))) return false;
  const numbers = await numbersIn(folder, name);
  if (numbers.some((number) => number > after + 1)) {
    // This process slept through a whole generation whose file was cleaned away: its claim came too late.
    await rm(path, { force: true });
    return false;
  }
  await Promise.all(
    numbers
      .filter((number) => number <= after)
      .map((number) => rm(pathOf(folder, name, number), { force: true })),
  );
  return true;
}

/** The owner's own word over its claim, for example that it has let go. The file stays: its number must not come twice. */
export async function rewriteGeneration(
  folder: string,
  name: string,
  number: number,
  text: string,
): Promise<void> {
  const draft = await writeDraft(pathOf(folder, name, number), text).catch(ignoreMissing);
  // No folder: it was removed on purpose, and nobody is left to be told.
  if (draft !== undefined) await rename(draft, pathOf(folder, name, number)).catch(ignoreMissing);
}

/** A link makes the file and its content appear together, or not at all. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const draft = await writeDraft(path, text);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errorCodes(error).includes('EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDraft(path: string, text: string): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, text, { mode: 0o600 });
  return draft;
}

async function numbersIn(folder: string, name: string): Promise<number[]> {
  const names = await readdir(folder).catch(ignoreMissing);
  const pattern = new RegExp(`^${name}-(\\d+)\\.json$`);
  return (names ?? []).flatMap((file) => {
    const match = pattern.exec(file);
    return match === null ? [] : [Number(match[1])];
  });
}

function pathOf(folder: string, name: string, number: number): string {
  return join(folder, `${name}-${number}.json`);
}

function ignoreMissing(error: unknown): undefined {
  if (errorCodes(error).includes('ENOENT')) return undefined;
  throw error;
}
