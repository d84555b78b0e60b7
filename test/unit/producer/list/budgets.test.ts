import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { LIST_LIMITS } from '../../../../src/producer/list/limits.ts';
import { readList } from '../../../../src/producer/list/list.ts';
import { type PlanDeps, planList } from '../../../../src/producer/plan/plan.ts';
import { Spool } from '../../../../src/producer/plan/spool.ts';
import { spoolPrefix } from '../../../../src/producer/plan/spool-sweep.ts';
import { redactor } from '../../../../src/shared/base/log.ts';
import { nearest } from '../../../../src/shared/base/nearest.ts';
import { charactersOf, MESSAGE_CHARACTERS } from '../../../../src/shared/base/text.ts';
import { chunkOfRow } from '../../../../src/shared/journal/plan-chunks.ts';
import { readPlanChunk } from '../../../../src/shared/journal/plan-row.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';
import { compileTemplate } from '../../../../src/shared/pictures/template.ts';

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'shotlist-budget-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Counts what was taken of it. */
function source(parts: Iterable<string | Uint8Array>) {
  const taken = { bytes: 0 };
  async function* stream() {
    for (const part of parts) {
      const bytes = Buffer.from(part);
      taken.bytes += bytes.length;
      yield bytes;
    }
  }
  return { taken, list: { kind: 'stdin' as const, stream: stream() } };
}

/** A `.gz` in a bucket. */
function packed(bytes: Uint8Array) {
  return {
    kind: 's3' as const,
    address: 's3://shop/list.csv.gz',
    open: async function* () {
      yield bytes;
    },
  };
}

async function readWhole(...[list, options]: Parameters<typeof readList>) {
  let rows = 0;
  for await (const _ of readList(list, options)) rows += 1;
  return rows;
}

function deps(spoolFolder: string, rows: PlanDeps['rows'], template?: string): PlanDeps {
  return {
    rows,
    listName: 'list.csv',
    options: { inputs: {}, ...(template === undefined ? {} : { template }) },
    registry: defaultRegistry(),
    defaultModel: defaultRegistry().get('gpt-image-1-mini'),
    recipes: new Set(['catalog']),
    made: async () => [],
    hashOf: async () => '',
    spoolFolder,
    clock: () => Date.parse('2026-06-01T00:00:00Z'),
  };
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => error.message,
  );

describe('the text of a list has a budget', () => {
  it('a template that grows stops at what the model takes, and is a fault of its row', async () => {
    await using folder = await temporaryFolder();
    const { list } = source([`id,prompt,x\na,"${'{{x}}'.repeat(900)}",${'y'.repeat(15_000)}\n`]);
    const said = await failureOf(planList(deps(folder.path, readList(list))));
    expect(said).toContain('line 2, column prompt: filled in, the text has more than 32,000 characters');
  });

  it('a rendered text is never much longer than its limit', () => {
    const template = compileTemplate('{{x}}'.repeat(1_000));
    if ('fault' in template) throw new Error(template.fault);
    let reads = 0;
    const columns = {
      get x() {
        reads += 1;
        return 'y'.repeat(15_000);
      },
    };
    expect(template.render(columns, 1_000)).toMatchObject({ ok: false });
    expect(reads).toBe(1);
  });

  it('a template of 30,000 placeholders is refused', () => {
    expect(compileTemplate('{{x}}'.repeat(30_000))).toEqual({ fault: expect.stringContaining('1,000') });
  });

  it('a long word is near to none, and few candidates are looked at', () => {
    expect(nearest('b'.repeat(60_000), ['b'.repeat(59_999)])).toBeUndefined();
    expect(nearest('color', ['b'.repeat(60_000), 'colour'])).toBe('colour');
    const many = function* () {
      for (let at = 0; ; at += 1) yield `column ${at}`;
    };
    expect(nearest('zzzzzzzzz', many())).toBeUndefined();
  });

  it('the names of columns are short in a message', async () => {
    await using folder = await temporaryFolder();
    const names = Array.from({ length: 250 }, (_, at) => `${at}${'c'.repeat(190)}`);
    const lines = Array.from({ length: 30 }, (_, at) => `${at},{{nothing of it}}${',1'.repeat(250)}\n`);
    const { list } = source([`id,prompt,${names.join(',')}\n`, ...lines]);
    const said = await failureOf(planList(deps(folder.path, readList(list))));
    expect(said.length).toBeLessThan(MESSAGE_CHARACTERS);
    expect(said).not.toContain('c'.repeat(50));
    expect(said).toContain('more.');
  });

  it('the redactor looks at each address once', () => {
    const redact = redactor([]);
    expect(redact('see https://a.b/c?x=1&Signature=abc and https://d/e?page=2')).toBe(
      'see https://a.b/c?[signed] and https://d/e?page=2',
    );
    const text = 'https://a?'.repeat(104_000);
    expect(redact(text)).toBe(text);
  });

  it('characters are counted as code points', () => {
    expect(charactersOf('a😀ü')).toBe(3);
    expect(charactersOf('😀'.repeat(1_000))).toBe(1_000);
  });
});

describe('what a list may be', () => {
  it('750 rows of 1 MB are refused with one sentence, at the first one', async () => {
    const rows = function* () {
      yield 'id,prompt,text\n';
      for (let at = 0; at < 750; at += 1) yield `${at},a mug,${'x'.repeat(1_000_000)}\n`;
    };
    const { list, taken } = source(rows());
    expect(await failureOf(readWhole(list))).toBe(
      'line 2: the row has 977 KiB of text; a row may have 64 KiB. Nothing was queued.',
    );
    expect(taken.bytes).toBeLessThan(3_000_000);
  });

  it('a row is measured as JSON, in which a control character takes six bytes', async () => {
    const row = (text: string) => source([`id,prompt,text\na,a mug,${text}\n`]).list;
    expect(await readWhole(row('x'.repeat(65_000)))).toBe(1);
    expect(await failureOf(readWhole(row('\u0001'.repeat(11_000))))).toContain('line 2: the row has 65 KiB');
  });

  it.each([
    [
      'columns of CSV',
      `id,${Array.from({ length: 1_000 }, (_, at) => `c${at}`)}\n`,
      'there are 1,001 columns',
    ],
    ['the name of a column of CSV', `id,${'c'.repeat(201)}\n`, 'a name of 201 characters'],
    [
      'columns of JSONL',
      `${JSON.stringify(Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [`c${at}`, '1'])))}\n`,
      'there are 1,001 columns',
    ],
    ['the name of a column of JSONL', `{"${'c'.repeat(201)}":"1"}\n`, 'a name of 201 characters'],
  ])('%s are limited', async (_, text, says) => {
    const said = await failureOf(readWhole(source([text]).list));
    expect(said).toContain(`line 1: `);
    expect(said).toContain(says);
  });

  it('a list is read up to its limit of unpacked bytes', async () => {
    const rows = function* () {
      yield 'id,prompt\n';
      for (;;) yield `${'a,a mug\n'.repeat(1_000)}`;
    };
    const { list, taken } = source(rows());
    expect(await failureOf(readWhole(list, { maxBytes: 1_048_576 }))).toContain(
      'stdin has more than 1 MiB, unpacked; split it, or raise LIST_MAX_MB',
    );
    expect(taken.bytes).toBeLessThan(1_100_000);
  });

  it('a gzip bomb is refused, and a list that packs well is not', async () => {
    const bomb = gzipSync(`id,prompt,text\n${`a,a mug,${'x'.repeat(60_000)}\n`.repeat(300)}`);
    expect(await failureOf(readWhole(packed(bomb)))).toContain('unpacks to more than 200 times its size');
    const list = Array.from({ length: 20_000 }, (_, at) => `${at},a mug,${'x'.repeat(500)}\n`).join('');
    expect(await readWhole(packed(gzipSync(`id,prompt,text\n${list}`)))).toBe(20_000);
  });

  it('blank rows are counted, wherever they are', async () => {
    const blank = (begin: string) => {
      const parts = function* () {
        yield begin;
        for (let at = 0; at < 25; at += 1) yield '\n'.repeat(100_000);
      };
      return source(parts()).list;
    };
    // The line is the first that is one too many.
    for (const [begin, line] of [
      ['id,prompt\n', 2_000_002],
      ['{"id":"a"}\n', 2_000_002],
      ['\n', 2_000_001],
    ] as const) {
      expect(await failureOf(readWhole(blank(begin)))).toContain(
        `line ${line}: more than 2,000,000 rows are blank`,
      );
    }
  });

  it('reading ends at 1,000 faults', async () => {
    await using folder = await temporaryFolder();
    const rows = function* () {
      yield 'id,prompt\n';
      for (let at = 0; ; at += 1) yield `${at},\n`;
    };
    const said = await failureOf(planList(deps(folder.path, readList(source(rows()).list))));
    expect(said).toContain('list.csv has 1,000 faults or more;');
    expect(said).toContain('the list was read no further.');
    expect(LIST_LIMITS.faults).toBe(1_000);
  });
});

describe('a plan chunk', () => {
  it('250 rows of 60 KB are accepted, in chunks that the reader takes', async () => {
    await using folder = await temporaryFolder();
    const rows = function* () {
      yield 'id,prompt,text\n';
      for (let at = 0; at < 250; at += 1) yield `${at},a mug,${'x'.repeat(60_000)}\n`;
    };
    await using plan = await planList(deps(folder.path, readList(source(rows()).list)));
    expect(plan.chunkCount).toBeGreaterThan(1);
    const read: number[] = [];
    for (let chunk = 0; chunk < plan.chunkCount; chunk += 1) {
      const found = readPlanChunk(await plan.chunk(chunk));
      expect((await plan.requests(chunk)).map(({ row }) => row)).toEqual(found.map(({ row }) => row));
      for (const { row } of found) expect(chunkOfRow(row, plan.chunkStarts)).toBe(chunk);
      read.push(...found.map(({ row }) => row));
    }
    expect(read).toEqual(Array.from({ length: 250 }, (_, at) => at));
  });
});

describe('the spool folder', () => {
  it('of a dead process is removed by the next plan, and that of a living one is not', async () => {
    await using folder = await temporaryFolder();
    const dead = `${spoolPrefix(2_000_000_000)}abcdef`;
    const living = `${spoolPrefix(process.ppid)}abcdef`;
    for (const name of [dead, living]) await mkdir(join(folder.path, name));
    await using _spool = await Spool.create(folder.path);
    const names = await readdir(folder.path);
    expect(names).not.toContain(dead);
    expect(names).toContain(living);
    expect(names).toHaveLength(2);
  });
});
