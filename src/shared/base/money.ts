/**
 * Money is an integer number of micro-dollars (1 USD = 1,000,000) everywhere in the program; only the outermost
 * edge (JSON, tables) turns it into dollars. Floats break fal's rounding rule: `0.07 * 100` is 7.000000000000001.
 */
export type MicroUsd = number;

const MICRO_USD_PER_USD = 1_000_000;
export const MICRO_USD_PER_CENT = 10_000;

/**
 * Reads an amount of dollars as a person writes it (`5`, `0.25`, `12.345678`), exactly.
 * Returns undefined for anything else: signs, exponents, more than six decimals, beyond a billion dollars.
 */
export function parseUsd(text: string): MicroUsd | undefined {
  const match = /^\$?(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * MICRO_USD_PER_USD + Number((match[2] ?? '').padEnd(6, '0'));
}

/** The number of dollars that JSON output carries. */
export function toUsd(microUsd: MicroUsd): number {
  return microUsd / MICRO_USD_PER_USD;
}

/** A number of dollars that came from outside (fal's price list), as the nearest micro-dollar. */
export function fromUsd(usd: number): MicroUsd {
  return Math.round(usd * MICRO_USD_PER_USD);
}

/** `$1.23`, with as many further decimals as the amount has: `$0.005`. */
export function formatUsd(microUsd: MicroUsd): string {
  const sign = microUsd < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(microUsd) / MICRO_USD_PER_USD);
  const decimals = String(Math.abs(microUsd) % MICRO_USD_PER_USD)
    .padStart(6, '0')
    .replace(/0{1,4}$/, '');
  return `${sign}$${whole}.${decimals}`;
}
