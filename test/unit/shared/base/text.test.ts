import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { type Context, printJson, printText, say } from '../../../../src/cli/context.ts';
import { tableOf } from '../../../../src/cli/output/tables.ts';
import { escapedJson, printable, printableJson } from '../../../../src/shared/base/text.ts';
import { parseRecipe } from '../../../../src/shared/pictures/recipes.ts';

const BAD = ['\u001b', '\u0007', '\r', '\u007f', '\u009b', '\u2028', '\u2029', '\u061c', '\u202e', '\u2066'];
const HOSTILE = `sk${BAD.join('x')}\u001b]0;PWN\u0007`;

function written(print: (context: Context) => void): string {
  const stream = new PassThrough();
  // The three functions use nothing else of a context.
  print({ stdout: stream, stderr: stream } as unknown as Context);
  return String(stream.read());
}

function expectPlain(text: string) {
  for (const one of BAD) expect(text).not.toContain(one);
  expect(text).toContain('PWN');
}

describe('text from outside at a terminal', () => {
  it('has no control and no change of direction in a message', () => {
    const text = written((context) => say(context, `first ${HOSTILE}\nsecond`));
    expectPlain(text);
    expect(text.split('\n')).toHaveLength(3);
  });

  it('has none in a result for people, and none in a table', () => {
    expectPlain(written((context) => printText(context, HOSTILE)));
    expectPlain(tableOf([{ title: 'id', align: 'left' }], [[HOSTILE]]));
  });

  it('stays the same text in JSON, written as escapes', () => {
    const text = written((context) => printJson(context, { id: HOSTILE }));
    expectPlain(text);
    expect(JSON.parse(text)).toEqual({ id: HOSTILE });
    expect(JSON.parse(escapedJson(JSON.stringify(HOSTILE)))).toBe(HOSTILE);
  });

  it('has none in a log line that is parsed and printed', () => {
    const line = `${JSON.stringify({ msg: HOSTILE, path: 'C:\\u001b', stack: 'a\n\tb' })}\n`;
    const parsed = JSON.parse(printableJson(line)) as Record<string, string>;
    expectPlain(parsed['msg'] ?? '');
    expect(parsed).toMatchObject({ path: 'C:\\u001b', stack: 'a\n\tb' });
  });

  it('keeps letters, emoji and lines', () => {
    expect(printable('Tasse „Grün“ 杯 👩‍🍳\n\tlid')).toBe('Tasse „Grün“ 杯 👩‍🍳\n\tlid');
  });
});

describe('the rights of a recipe', () => {
  it.each(BAD.filter((one) => one !== '\r'))('refuse the character %j, which XMP cannot hold', (one) => {
    const text = JSON.stringify({ description: 'x', rights: { credit: `a${one}b` }, renditions: [] });
    expect(() => parseRecipe('shop', text, 'shop.json')).toThrow(/rights\.credit: must be one line/);
  });
});
