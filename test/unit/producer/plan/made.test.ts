import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createMade } from '../../../../src/producer/plan/existing.ts';
import { ORIGINALS } from '../../../../src/shared/store/keys.ts';
import type { ListedObject } from '../../../../src/shared/store/object-store.ts';

const PAGE = 1_000;

const keyOf = (shot: number) => createHash('sha256').update(`shot ${shot}`).digest('hex').slice(0, 32);

/** A bucket of originals that counts the pages it is asked for. */
function bucketOf(keys: readonly string[]) {
  const sorted = [...keys].sort();
  let pages = 0;
  return {
    pages: () => pages,
    async *list(prefix: string): AsyncGenerator<ListedObject> {
      pages += 1;
      let from = 0;
      let to = sorted.length;
      while (from < to) {
        const middle = (from + to) >>> 1;
        if ((sorted[middle] ?? '') < prefix) from = middle + 1;
        else to = middle;
      }
      for (let at = from; sorted[at]?.startsWith(prefix) === true; at += 1) {
        if (at > from && (at - from) % PAGE === 0) pages += 1;
        yield { key: sorted[at] ?? '', sizeBytes: 1, lastModifiedMs: 0 };
      }
    },
  };
}

function originals(shots: number, variants = 1): string[] {
  return Array.from({ length: shots * variants }, (_, at) => {
    return `${ORIGINALS}${keyOf(Math.floor(at / variants))}/${at % variants}.png`;
  });
}

describe('what is made already', () => {
  it.each([0, 1, 999, 1_000])('is known after one page of a store of %i originals', async (count) => {
    const bucket = bucketOf(originals(count));
    const { made } = await createMade(bucket);
    for (let shot = 0; shot < 20; shot += 1) {
      expect(await made(keyOf(shot), 4)).toEqual(shot < count ? [0] : []);
    }
    expect(bucket.pages()).toBe(1);
  });

  it('is asked for shot by shot by a short list, however large the store is', async () => {
    const bucket = bucketOf(originals(100_000));
    const { made } = await createMade(bucket);
    for (let shot = 0; shot < 10; shot += 1) expect(await made(keyOf(shot), 1)).toEqual([0]);
    // The first page, the key behind it that says there is more, and one a shot.
    expect(bucket.pages()).toBe(2 + 10);
  });

  it.each([20_000, 120_000])(
    'is listed once by a list of %i rows, at about twice the pages that the listing takes',
    async (rows) => {
      const bucket = bucketOf(originals(rows));
      const { made } = await createMade(bucket);
      const wanted = Array.from({ length: rows }, (_, shot) => shot);
      const answers = await Promise.all(
        wanted.map(async (shot) => ((await made(keyOf(shot), 1)).length === 1 ? 1 : 0)),
      );
      expect(answers.filter((one) => one === 0)).toEqual([]);
      expect(await made(keyOf(rows), 4)).toEqual([]);
      const pages = rows / PAGE;
      // The estimate comes of a thousand hashes, so it is some per cent off.
      expect(bucket.pages()).toBeLessThan(pages * 2.3 + 20);
      expect(bucket.pages()).toBeGreaterThan(pages);
    },
  );

  it('says the variants in their order, without those that are not wanted, alike on both ways', async () => {
    const keys = [...originals(2_000), ...[10, 2, 1].map((index) => `${ORIGINALS}${keyOf(7)}/${index}.webp`)];
    const { made } = await createMade(bucketOf([...keys, `${ORIGINALS}README`, `${ORIGINALS}zz/0.png`]));
    for (let round = 0; round < 8; round += 1) {
      expect(await made(keyOf(7), 100)).toEqual([0, 1, 2, 10]);
      expect(await made(keyOf(7), 2)).toEqual([0, 1]);
      expect(await made(keyOf(5_000 + round), 100)).toEqual([]);
    }
  });

  it('is not guessed where the store is away', async () => {
    const refusing = {
      async *list(): AsyncGenerator<ListedObject> {
        yield* [];
        throw new Error('the store is away');
      },
    };
    await expect(createMade(refusing)).rejects.toThrow('the store is away');
  });
});
