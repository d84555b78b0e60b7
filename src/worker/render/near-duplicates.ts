import { z } from 'zod';
import type { Look } from '../../shared/pictures/formats.ts';
import type { Redis } from '../../shared/redis/redis.ts';
import { quartersOf } from './fingerprint.ts';

/**
 * The pictures of a batch that look nearly the same. `P:alike:<batch>` is a hash of bytes: each picture stands in four
 * fields, one for a quarter of the bits of its perceptual hash, so that two that differ in three bits at most share a
 * field. There a picture is its hash, the mean colours of its quarters and its shot. A field holds so many at most, the
 * newest: the work for one picture is bounded, whatever the batch and however alike its pictures.
 */
export interface NearDuplicates {
  /**
   * The shot that the picture looks nearly like, of those that came before it; undefined where there is none. It is one
   * of them from here on, unless it is `dropped`: to be kept out where it looks like another. A repeat answers the same
   * and adds nothing.
   */
  meet(picture: Met, alike: 'kept' | 'dropped'): Promise<string | undefined>;
  /** It is not delivered: nothing is to look like it. */
  forget(picture: Met): Promise<void>;
}

export interface Met {
  readonly batch: string;
  /** Pictures of one shot are never compared: its variants are alike on purpose. */
  readonly shot: string;
  readonly look: Look;
}

/** Where the two come from: `npm run bench:checks`; docs/recipes.md tells what it found. */
export const NEARLY = {
  /** Of 64. With four fields a picture, no more can be found for certain. */
  bits: 3,
  /** Root of the mean square over the channels of the quarters, of 255: tells a red mug from a blue one. */
  colour: 5,
} as const;

const FIELDS = 4;
/** The longest look at one picture: four times as many comparisons, some 2 ms of Redis on a slow machine. */
const MOST_A_FIELD = 256;

export interface NearDuplicatesDeps {
  readonly redis: Redis;
  readonly prefix: string;
  /** How long it stays behind the end of the batch. */
  readonly ttlH: number;
}

export function createNearDuplicates({ redis, prefix, ttlH }: NearDuplicatesDeps): NearDuplicates {
  const step = async (script: string, { batch, shot, look }: Met, more: object) =>
    await redis.eval(script, 0, prefix, JSON.stringify({ batch, shot, ...wordsOf(look.pHash), ...more }));
  return {
    async meet(picture, alike) {
      const colours = quartersOf(picture.look);
      const answer = await step(MEET, picture, {
        colours,
        bits: NEARLY.bits,
        squares: NEARLY.colour ** 2 * colours.length,
        most: MOST_A_FIELD,
        drop: alike === 'dropped',
        ttlS: ttlH * 3_600,
      });
      return z.string().nullable().parse(answer) ?? undefined;
    },

    async forget(picture) {
      await step(FORGET, picture, {});
    },
  };
}

/** The hash as two numbers, and the names of the fields that it stands in. */
function wordsOf(pHash: string): {
  readonly high: number;
  readonly low: number;
  readonly fields: readonly string[];
} {
  const hash = BigInt(`0x${pHash}`);
  const fields = Array.from({ length: FIELDS }, () => 0);
  for (let row = 0; row < 8; row += 1) {
    for (let column = 0; column < 8; column += 1) {
      // Along the diagonals, so that no field has the plain margins of a product's picture to itself.
      const field = (row + column) % FIELDS;
      const bit = Number((hash >> BigInt(63 - row * 8 - column)) & 1n);
      fields[field] = ((fields[field] ?? 0) << 1) | bit;
    }
  }
  return {
    high: Number(hash >> 32n),
    low: Number(hash & 0xffffffffn),
    fields: fields.map((value, at) => `${at}${value.toString(36)}`),
  };
}

/** In a field: two numbers of the hash, 12 bytes of colour, the length of the shot's id, and the id. */
const COMMON = `
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
local key = P .. ':alike:' .. a.batch
local HEAD = '>I4I4I2'
local COLOURS, SHOT = 10, 22
-- Some thousand calls a picture at most: a global is looked up at each.
local bxor, band, byte, read = bit.bxor, bit.band, string.byte, struct.unpack
`;

/**
 * Looks through the fields, and adds the picture. Its own entry of before ends the look: what came after it looks like
 * this one, and not this one like that. Where an equal one of another shot stands, that speaks for both.
 */
const MEET = `${COMMON}
local most, wide, mineHigh, mineLow = a.bits, a.squares, a.high, a.low
local function apart(x, y)
  local rest, count = bxor(x, y), 0
  while rest ~= 0 and count <= most do
    rest = band(rest, rest - 1)
    count = count + 1
  end
  return count
end
local function squares(text, at)
  local sum = 0
  for i, colour in ipairs(a.colours) do
    local by = byte(text, at + i - 1) - colour
    sum = sum + by * by
  end
  return sum
end
local nearest, least, mine = false, a.bits + 1, false
local stand = {}
for i, field in ipairs(a.fields) do
  local text = redis.call('HGET', key, field) or ''
  local at, count, second = 1, 0, 1
  while at <= #text do
    local high, low, length = read(HEAD, text, at)
    local after = at + SHOT + length
    local bits = apart(high, mineHigh)
    if bits <= most then bits = bits + apart(low, mineLow) end
    if bits <= most and squares(text, at + COLOURS) <= wide then
      local shot = string.sub(text, at + SHOT, after - 1)
      if shot ~= a.shot then
        if bits < least then nearest, least = shot, bits end
      elseif bits == 0 then
        mine = true
        break
      end
    end
    if count == 0 then second = after end
    at, count = after, count + 1
  end
  stand[i] = { text = text, count = count, second = second }
end
if not mine and least > 0 and not (nearest and a.drop) then
  local one = struct.pack(HEAD, a.high, a.low, #a.shot) .. string.char(unpack(a.colours)) .. a.shot
  for i, field in ipairs(a.fields) do
    local text = stand[i].text
    if stand[i].count >= a.most then text = string.sub(text, stand[i].second) end
    redis.call('HSET', key, field, text .. one)
  end
  -- As long as the batch itself: it has no end while there is something to render, unless it is one that is made again.
  if redis.call('TTL', P .. ':batch:' .. a.batch) == -1 then redis.call('PERSIST', key)
  else redis.call('EXPIRE', key, a.ttlS) end
end
return nearest or nil
`;

const FORGET = `${COMMON}
for _, field in ipairs(a.fields) do
  local text = redis.call('HGET', key, field) or ''
  local at, kept = 1, {}
  while at <= #text do
    local high, low, length = read(HEAD, text, at)
    local after = at + SHOT + length
    local shot = string.sub(text, at + SHOT, after - 1)
    if high ~= a.high or low ~= a.low or shot ~= a.shot then kept[#kept + 1] = string.sub(text, at, after - 1) end
    at = after
  end
  local rest = table.concat(kept)
  if #rest == 0 then redis.call('HDEL', key, field)
  elseif #rest < #text then redis.call('HSET', key, field, rest) end
end
return 1
`;
