import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { faultText } from '../../../../src/producer/list/fault.ts';
import { readList } from '../../../../src/producer/list/list.ts';

/** Reads a text as stdin, in chunks of the given size; rows become [line, columns], faults their text. */
async function read(list: string | Buffer, chunkBytes = 65_536) {
  const bytes = Buffer.from(list);
  async function* stream() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  return collect(readList({ kind: 'stdin', stream: stream() }));
}

async function collect(rows: ReturnType<typeof readList>) {
  const all: (readonly [number, Readonly<Record<string, string>>] | string)[] = [];
  for await (const row of rows) all.push('columns' in row ? [row.line, row.columns] : faultText(row));
  return all;
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'shotlist-list-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('a CSV list', () => {
  it.each([
    ['commas', 'id,prompt\na,mug\n'],
    ['semicolons', 'id;prompt\na;mug\n'],
    ['tabs', 'id\tprompt\na\tmug\n'],
    ['CRLF', 'id,prompt\r\na,mug\r\n'],
    ['a byte order mark', '\uFEFFid,prompt\na,mug\n'],
    ['no last line break', 'id,prompt\na,mug'],
    ['blank lines behind', 'id,prompt\na,mug\n\n\n'],
    ['rows of empty cells behind', 'id,prompt\na,mug\n,\n , \n'],
    ['quotes', '"id","prompt"\n"a","mug"\n'],
  ])('is read with %s', async (_, list) => {
    expect(await read(list)).toEqual([[2, { id: 'a', prompt: 'mug' }]]);
    expect(await read(list, 1)).toEqual([[2, { id: 'a', prompt: 'mug' }]]);
  });

  it('finds the separator outside the quotes of the header', async () => {
    expect(await read('"id, or sku, or what";prompt\n"a,b";mug\n')).toEqual([
      [2, { 'id, or sku, or what': 'a,b', prompt: 'mug' }],
    ]);
  });

  it.each([1, 7, 65_536])('counts lines behind line breaks in quotes (chunks of %d)', async (chunkBytes) => {
    const list = 'id,prompt\r\na,"one\r\ntwo\r\nthree ""quoted"""\r\n\r\nb,four\r\n';
    expect(await read(list, chunkBytes)).toEqual([
      [2, { id: 'a', prompt: 'one\r\ntwo\r\nthree "quoted"' }],
      [6, { id: 'b', prompt: 'four' }],
    ]);
  });

  it('names the line of each ragged row and reads on', async () => {
    expect(await read('id,prompt\na\nb,mug\nc,mug,white\n')).toEqual([
      'line 2: the row has 1 cell, the header names 2 columns; fill it up',
      [3, { id: 'b', prompt: 'mug' }],
      'line 4: the row has 3 cells, the header names 2 columns; a cell that holds the separator must stand in quotes',
    ]);
  });

  it('names the line of a quote inside a cell and reads on', async () => {
    const list = 'id,prompt\na,mug\nb,a 27" screen\nc,"a ""good"" mug"\nd,"torn" mug\ne,mug\n';
    const rows = await read(list);
    expect(rows[0]).toEqual([2, { id: 'a', prompt: 'mug' }]);
    expect(rows[1]).toMatch(/^line 3: a quote stands inside a cell/);
    expect(rows[2]).toEqual([4, { id: 'c', prompt: 'a "good" mug' }]);
    expect(rows[3]).toMatch(/^line 5: a quote stands inside a cell/);
    expect(rows.slice(4)).toEqual([[6, { id: 'e', prompt: 'mug' }]]);
  });

  it('names the line of a quote that is never closed', async () => {
    expect(await read('id,prompt\na,mug\nb,"open\nc,mug\n')).toEqual([
      [2, { id: 'a', prompt: 'mug' }],
      'line 3: a quote is opened in this row and never closed',
      [4, { id: 'c', prompt: 'mug' }],
    ]);
    await expect(read(`id,prompt\nb,"open\n${'c,mug\n'.repeat(200_000)}`)).rejects.toThrow('line 2: the row');
  });

  it('is refused where two columns share a name or one has none', async () => {
    await expect(read('id,prompt,id\na,b,c\n')).rejects.toThrow('two columns are called "id"');
    await expect(read('id,,prompt\na,b,c\n')).rejects.toThrow('column 2 has no name');
  });

  it('keeps the order of the columns and every cell as text', async () => {
    const [row] = await read('zeta,id,alpha,prompt\n007,a,  x ,mug\n');
    expect(JSON.stringify(row)).toBe('[2,{"zeta":"007","id":"a","alpha":"  x ","prompt":"mug"}]');
  });
});

describe('a JSONL list', () => {
  it('reads objects of plain values, blank lines skipped, null as absent', async () => {
    const list =
      '\n{"id":"a","prompt":"mug","variants":2,"sync_mode":true,"note":null}\n\n{"id":"b","price":1.5}';
    expect(await read(list)).toEqual([
      [2, { id: 'a', prompt: 'mug', variants: '2', sync_mode: 'true' }],
      [4, { id: 'b', price: '1.5' }],
    ]);
    expect(await read(list, 3)).toEqual(await read(list));
  });

  it('names line and column of what is not plain, and reads on', async () => {
    expect(
      await read('{"id":"a"}\n{"id":["b"]}\n{id}\n[1]\n{"id":12345678901234567890}\n{"id":"f"}\n'),
    ).toEqual([
      [1, { id: 'a' }],
      'line 2, column id: "[\\"b\\"]" is nested; use text, a number, true, false or null',
      'line 3: not JSON: "{id}"; write one object a line',
      'line 4: "[1]" is no object; write {"id": …} a line',
      'line 5, column id: the number is too big to be read exactly; put it in quotes',
      [6, { id: 'f' }],
    ]);
  });
});

describe('a list that cannot be read', () => {
  it.each(['', '\n\n', '\uFEFF', 'id,prompt\n', 'id,prompt\n,\n'])('says "empty" for %j', async (list) => {
    await expect(read(list)).rejects.toThrow('stdin is empty');
  });

  it('names the line that is not UTF-8', async () => {
    const list = Buffer.concat([
      Buffer.from('id,prompt\na,mug\nb,caf'),
      Buffer.from([0xe9]),
      Buffer.from('\n'),
    ]);
    await expect(read(list)).rejects.toThrow('line 3: not UTF-8');
    await expect(read(list, 1)).rejects.toThrow('line 3: not UTF-8');
    await expect(read(Buffer.from('\uFEFFid,prompt\n', 'utf16le'))).rejects.toThrow('UTF-16');
  });

  it('reads characters that fall between two chunks', async () => {
    expect(await read('id,prompt\na,Öl – 漆器 🏺\n', 1)).toEqual([[2, { id: 'a', prompt: 'Öl – 漆器 🏺' }]]);
  });
});

describe('a list in a file', () => {
  it('is told by its ending, packed or not', async () => {
    await using folder = await temporaryFolder();
    const csv = 'id,prompt\na,mug\n';
    const jsonl = '{"id":"a","prompt":"mug"}\n';
    const path = (name: string) => join(folder.path, name);
    await Promise.all([
      writeFile(path('one.csv'), csv),
      writeFile(path('two.csv.gz'), gzipSync(csv)),
      writeFile(path('three.jsonl'), jsonl),
      writeFile(path('four.JSONL.gz'), gzipSync(jsonl)),
      writeFile(path('torn.csv.gz'), gzipSync(csv).subarray(0, 20)),
      writeFile(path('not.csv.gz'), csv),
      writeFile(path('list.xlsx'), csv),
    ]);
    const from = (name: string) => collect(readList({ kind: 'file', path: path(name) }));
    for (const name of ['one.csv', 'two.csv.gz']) {
      expect(await from(name)).toEqual([[2, { id: 'a', prompt: 'mug' }]]);
    }
    for (const name of ['three.jsonl', 'four.JSONL.gz']) {
      expect(await from(name)).toEqual([[1, { id: 'a', prompt: 'mug' }]]);
    }
    await expect(from('torn.csv.gz')).rejects.toThrow('torn.csv.gz cannot be unpacked');
    await expect(from('not.csv.gz')).rejects.toThrow('not.csv.gz cannot be unpacked');
    await expect(from('list.xlsx')).rejects.toThrow('must end in .csv or .jsonl');
    await expect(from('missing.csv')).rejects.toThrow('There is no list missing.csv');
    await expect(from('list.xlsx/under.csv')).rejects.toThrow('under.csv cannot be read (ENOTDIR)');
  });

  it('is one row for a prompt', async () => {
    expect(await collect(readList({ kind: 'prompt', prompt: 'a mug' }))).toEqual([
      [1, { id: 'prompt', prompt: 'a mug' }],
    ]);
  });

  it('stops with the reason of the signal while stdin is silent', async () => {
    const stdin = new Readable({ read: () => undefined });
    const stop = new AbortController();
    const reading = collect(readList({ kind: 'stdin', stream: stdin }, { signal: stop.signal }));
    stop.abort(new Error('interrupted'));
    await expect(reading).rejects.toThrow('interrupted');
    expect(stdin.destroyed).toBe(true);
  });

  it('stops with the reason when the signal aborts', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'long.csv');
    await writeFile(path, `id,prompt\n${'a,mug\n'.repeat(100_000)}`);
    const stop = new AbortController();
    const reading = async () => {
      for await (const _ of readList({ kind: 'file', path }, { signal: stop.signal })) {
        stop.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
  });
});
