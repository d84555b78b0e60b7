import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatUsd, fromUsd, parseUsd, toUsd } from '../../../../src/shared/base/money.ts';

describe('an amount of dollars', () => {
  it.each([
    ['5', 5_000_000],
    ['0.25', 250_000],
    ['$12.345678', 12_345_678],
    [' 0.000001 ', 1],
    ['0', 0],
    ['999999999', 999_999_999_000_000],
  ])('%s is read exactly', (text, microUsd) => {
    expect(parseUsd(text)).toBe(microUsd);
  });

  it.each([
    '',
    '-1',
    '+1',
    '1e3',
    '1,50',
    '.5',
    '5.',
    '0.1234567',
    '1000000000',
    'five',
    '5 USD',
    '0x10',
    '٥',
  ])('%j is refused', (text) => {
    expect(parseUsd(text)).toBeUndefined();
  });

  it('is printed with two decimals, and with more only where it has them', () => {
    expect([0, 5_000, 20_000, 1_230_000, 12_345_678, 1, -20_000].map(formatUsd)).toEqual([
      '$0.00',
      '$0.005',
      '$0.02',
      '$1.23',
      '$12.345678',
      '$0.000001',
      '-$0.02',
    ]);
  });

  it('printed and read again is the same', () => {
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999_999 }), (microUsd) => {
        expect(parseUsd(formatUsd(microUsd))).toBe(microUsd);
        expect(fromUsd(toUsd(microUsd))).toBe(microUsd);
      }),
    );
  });
});
