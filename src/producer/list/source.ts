import { isUtf8 } from 'node:buffer';
import { resolve } from 'node:path';
import type { Config } from '../../shared/base/config.ts';
import { errorCodes, UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import { FILE_TOO_LARGE, NO_REGULAR_FILE, readRegularFile } from '../../shared/base/regular-file.ts';
import { parseS3Address, readS3Object } from '../../shared/store/s3/reader.ts';
import type { ListSource } from './list.ts';

export interface ListSourceDeps {
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Relative paths begin here. */
  readonly cwd: string;
  readonly config: Pick<Config, 's3'>;
  readonly log: Logger;
}

/** Where the rows come from. Throws a `UserError` where that is not said, or simulated work would read a bucket. */
export function sourceOf(
  list: string | undefined,
  { prompt, simulate }: { readonly prompt?: string | undefined; readonly simulate?: boolean | undefined },
  { stdin, cwd, config, log }: ListSourceDeps,
): ListSource {
  if (prompt !== undefined && list !== undefined) {
    throw new UserError('usage', 'Give either a list or --prompt, not both.');
  }
  if (prompt !== undefined) return { kind: 'prompt', prompt };
  if (list === undefined) {
    throw new UserError(
      'usage',
      'Name a list (a .csv or .jsonl file, s3://bucket/key, or - for standard input), or give one --prompt.',
    );
  }
  if (list === '-') return { kind: 'stdin', stream: stdin };
  const address = parseS3Address(list);
  if (address === undefined) return { kind: 'file', path: resolve(cwd, list) };
  if (simulate === true) {
    throw new UserError(
      'simulate_refused',
      `Simulated work never touches a real bucket, and ${list} lies in one: fetch the list to a file first, or leave --simulate out.`,
    );
  }
  return {
    kind: 's3',
    address: list,
    open: (signal) => readS3Object(address, { config: config.s3, log }, signal),
  };
}

/** A prompt of 32,000 characters, and room for names of columns. */
const MAX_TEMPLATE_BYTES = 262_144;

/**
 * The template that `--template` gives: the text itself, or with `@` in front the file that holds it, without one line
 * break at its end. Throws a `UserError` where the file cannot be one.
 */
export async function templateOf(text: string, cwd: string): Promise<string> {
  if (!text.startsWith('@')) return text;
  const name = text.slice(1);
  if (name === '') throw new UserError('usage', '--template @ names no file: write --template @prompt.txt.');
  const bytes = await readTemplate(name, resolve(cwd, name));
  if (!isUtf8(bytes)) throw badTemplate(`${name} is not UTF-8 text; save it as UTF-8`);
  const template = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '');
  if (template.trim() === '') throw badTemplate(`${name} is empty; write the prompt into it`);
  return template;
}

async function readTemplate(name: string, path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, MAX_TEMPLATE_BYTES);
  } catch (thrown) {
    const codes = errorCodes(thrown);
    if (codes.includes(FILE_TOO_LARGE)) {
      const sentence = `${name} is larger than ${MAX_TEMPLATE_BYTES / 1_024} KiB; a template is one prompt`;
      throw badTemplate(sentence, thrown);
    }
    if (codes.includes(NO_REGULAR_FILE))
      throw badTemplate(`${name} is a pipe or a device; name a file`, thrown);
    if (codes.includes('ENOENT')) throw badTemplate(`there is no file ${name}; check the path`, thrown);
    if (codes.includes('EISDIR')) throw badTemplate(`${name} is a folder; name a file in it`, thrown);
    if (codes.includes('EACCES')) throw badTemplate(`${name} cannot be read: permission denied`, thrown);
    throw thrown;
  }
}

function badTemplate(sentence: string, cause?: unknown): UserError {
  return new UserError('bad_option', `--template: ${sentence}.`, { cause });
}
