import { describe, expect, it } from '@jest/globals';
import { UnavailableError } from '../../../../src/shared/base/errors.ts';
import { Journal } from '../../../../src/shared/journal/journal.ts';
import {
  chunkOfRow,
  PLAN_CHUNK_BYTES,
  PLAN_CHUNK_ROWS,
  PlanCutter,
  UnreadablePlanError,
} from '../../../../src/shared/journal/plan-chunks.ts';
import { packPlanLines, readPlanChunk } from '../../../../src/shared/journal/plan-row.ts';
import { mapStore } from '../../../support/map-store.ts';

describe('a plan chunk', () => {
  it('the largest that is written is the largest that is read', async () => {
    const row = (at: number, text: string) =>
      JSON.stringify({
        row: at,
        shot: String(at),
        shotKey: '0'.repeat(32),
        model: 'm',
        prompt: text,
        input: {},
        recipe: 'catalog',
        variants: 1,
        columns: {},
        requests: [],
      });
    const empty = row(10, '').length + 1;
    // 10 rows, which with their line breaks are exactly the limit.
    const cutter = new PlanCutter();
    const lines: string[] = [];
    const each = Math.floor(PLAN_CHUNK_BYTES / 20);
    for (let at = 10; at < 30; at += 1) {
      const rest =
        at === 29 ? PLAN_CHUNK_BYTES - lines.reduce((sum, line) => sum + line.length + 1, 0) : each;
      const line = row(at, 'x'.repeat(rest - empty));
      expect(cutter.begins(line)).toBe(at === 10);
      lines.push(line);
    }
    expect(readPlanChunk(await packPlanLines(lines))).toHaveLength(20);
    expect(cutter.begins('')).toBe(true);
    const bytes = await packPlanLines([...lines, '']);
    expect(() => readPlanChunk(bytes)).toThrow('not a plan chunk');
  });

  it('holds for any sizes of rows: no chunk is above the limits, and each row is found in its own', () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    const cutter = new PlanCutter();
    const chunks: { rows: number; bytes: number; first: number }[] = [];
    const rows = 2_000;
    const chunkAt: number[] = [];
    for (let row = 0; row < rows; row += 1) {
      const line = 'x'.repeat(Math.floor((random() < 0.5 ? 500 : 500_000) * random()));
      if (cutter.begins(line)) chunks.push({ rows: 0, bytes: 0, first: row });
      const chunk = chunks.at(-1);
      if (chunk === undefined) throw new Error('the first row begins no chunk');
      chunk.rows += 1;
      chunk.bytes += line.length + 1;
      chunkAt.push(chunks.length - 1);
    }
    for (const { rows: count, bytes } of chunks) {
      expect(count).toBeLessThanOrEqual(PLAN_CHUNK_ROWS);
      expect(bytes).toBeLessThanOrEqual(PLAN_CHUNK_BYTES);
    }
    expect(cutter.starts).toEqual(chunks.map(({ first }) => first));
    expect(chunkAt).toEqual(Array.from({ length: rows }, (_, row) => chunkOfRow(row, cutter.starts)));
  });
});

describe('the chunks that the journal keeps', () => {
  const line = (row: number) =>
    JSON.stringify({
      row,
      shot: `s${row}`,
      shotKey: '0'.repeat(32),
      model: 'm',
      prompt: 'x'.repeat(100_000),
      input: {},
      recipe: 'catalog',
      variants: 1,
      columns: {},
      requests: [],
    });

  /** Counts the reads of chunks; `bent` answers the first one. */
  async function journalOf(cachedBytes: number, bent?: Buffer) {
    const store = mapStore();
    let reads = 0;
    const counting = new Proxy(store, {
      get(target, name) {
        if (name !== 'get') return Reflect.get(target, name);
        return async (key: string) => {
          reads += 1;
          const object = await target.get(key);
          return reads === 1 && bent !== undefined && object !== undefined
            ? { ...object, body: bent }
            : object;
        };
      },
    });
    const journal = new Journal({ store: counting, cachedBytes });
    for (const chunk of [0, 1]) await journal.writeChunk('b', chunk, await packPlanLines([line(chunk)]));
    return { journal, reads: () => reads };
  }

  it.each([
    [250_000, 2],
    [150_000, 4],
    [50_000, 4],
  ])('are as many as %d bytes hold', async (cachedBytes, expected) => {
    const { journal, reads } = await journalOf(cachedBytes);
    for (const chunk of [0, 1, 0, 1]) await journal.readChunk('b', chunk);
    expect(reads()).toBe(expected);
  });

  it('an answer that is no chunk counts only where it comes twice', async () => {
    const { journal } = await journalOf(1, Buffer.from('<html>'));
    await expect(journal.readChunk('b', 0)).rejects.toBeInstanceOf(UnavailableError);
    expect(await journal.readChunk('b', 0)).toHaveLength(1);
    await journal.writeChunk('b', 2, Buffer.from('<html>'));
    await expect(journal.readChunk('b', 2)).rejects.toBeInstanceOf(UnreadablePlanError);
  });
});
