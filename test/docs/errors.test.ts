import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { FalFault } from '../../src/shared/fal/errors.ts';
import { readVerdict, submitVerdict } from '../../src/shared/requests/verdicts.ts';
import { ROOT, readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/errors.md');

const WITHOUT_ANSWER: Readonly<Record<string, FalFault['kind']>> = {
  'no answer': 'no-answer',
  'no connection': 'never-sent',
  'unreadable answer': 'garbled',
};

/** `429 retry-after: 7`, `403 "words"`, `400 error_type`, `504 never started`, `no answer`. */
function faultOf(answer: string, call: FalFault['call']): FalFault {
  const silent = WITHOUT_ANSWER[answer];
  const [, status, rest = ''] = /^(\d{3})(?: (.+))?$/.exec(answer) ?? [];
  if (silent === undefined && status === undefined) throw new Error(`"${answer}" is no answer of fal.`);
  const retryAfter = /^retry-after: (\d+)$/.exec(rest)?.[1];
  return {
    call,
    kind: silent ?? 'http',
    status: Number(status ?? 0),
    type: /^[a-z_]+$/.test(rest) ? rest : undefined,
    detail: /^"(.+)"$/.exec(rest)?.[1] ?? '',
    retryAfterMs: retryAfter === undefined ? undefined : Number(retryAfter) * 1_000,
    neverStarted: rest === 'never started',
    billableUnits: undefined,
  };
}

/** What the third column says of the verdict must be what the verdict says: the stop's code, the pause. */
function saysSo(
  verdict: ReturnType<typeof submitVerdict> | ReturnType<typeof readVerdict>,
  says: string,
): void {
  if (verdict.kind === 'stop') expect(says).toContain(`(${verdict.stop.code})`);
  if (verdict.kind === 'slow' && says.includes(' s;'))
    expect(says).toContain(`waits ${verdict.ms / 1_000} s`);
}

describe('docs/errors.md', () => {
  it.each(tableOf(page, "fal's answer to the POST"))(
    'a submit answered by %s is %s',
    (answer, verdict, says = '') => {
      const found = submitVerdict(faultOf(answer ?? '', 'submit'));
      expect(found.kind).toBe(verdict);
      saysSo(found, says);
    },
  );

  it.each(tableOf(page, "fal's answer to the GET"))(
    'a result answered by %s is %s',
    (answer, verdict, says = '') => {
      const found = readVerdict(faultOf(answer ?? '', 'result'));
      expect(found.kind).toBe(verdict);
      saysSo(found, says);
    },
  );

  it('has a row for every kind of verdict', () => {
    const kindsOf = (first: string) => new Set(tableOf(page, first).map(([, kind]) => kind));
    expect(kindsOf("fal's answer to the POST")).toEqual(
      new Set(['stop', 'endpoint', 'locked', 'slow', 'away', 'again', 'fail', 'unknown']),
    );
    expect(kindsOf("fal's answer to the GET")).toEqual(
      new Set(['stop', 'repeat', 'gone', 'rerun', 'never-started', 'in-progress-or-bad', 'fail']),
    );
  });

  it('names every code that a request can fail with, and no other', async () => {
    const objects = await readFile(join(ROOT, 'src/shared/journal/objects.ts'), 'utf8');
    const sources = `${await sourcesOf('src/worker')}\n${await sourcesOf('src/shared/requests')}\n${await sourcesOf('src/shared/fal')}\n${objects}`;
    const found = [
      /new PictureError\(\s*'(\w+)'/g,
      /readonly code: '(media_\w+)' \| '(media_\w+)'/g,
      /(?:RESULT_EXPIRED|ANSWER_TOO_LARGE) = '(\w+)'/g,
      /code: '(\w+)',\s*message\b/g,
      /\? '(rejected_input)' : [^']*'(bad_request)' : '(failed_run)'/g,
    ].flatMap((pattern) => [...sources.matchAll(pattern)].flatMap(([, ...codes]) => codes));
    const media = await readFile(join(ROOT, 'src/shared/pictures/formats.ts'), 'utf8');
    const [, picture = ''] = /type PictureErrorCode =([^;]+);/.exec(media) ?? [];
    const coded = new Set([...found, ...[...picture.matchAll(/'(\w+)'/g)].map(([, code]) => code)]);
    expect(
      tableOf(page, 'code')
        .map(([code]) => code)
        .sort(),
    ).toEqual([...coded].sort());
  });

  it('names every stop', async () => {
    const source = await readFile(join(ROOT, 'src/shared/requests/batches.ts'), 'utf8');
    const [, codes = ''] = /interface Stop \{\s+readonly code:\s+([^;]+);/.exec(source) ?? [];
    expect(tableOf(page, 'stop').map(([stop]) => stop)).toEqual(
      [...codes.matchAll(/'(\w+)'/g)].map(([, code]) => code),
    );
  });
});

async function sourcesOf(folder: string): Promise<string> {
  const entries = await readdir(join(ROOT, folder), { recursive: true });
  const files = entries.filter((name) => name.endsWith('.ts'));
  return (await Promise.all(files.map((name) => readFile(join(ROOT, folder, name), 'utf8')))).join('\n');
}
