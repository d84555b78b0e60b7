import { UserError } from '../shared/errors.ts';

/** What is wrong with one row, and where. */
export interface RowFault {
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
  /** The column at fault, or the command-line option (`--quality`) that reached this row. */
  readonly column: string | undefined;
  /** Names the value and what is allowed: `"ultra" is not allowed; use one of low, medium, high`. */
  readonly sentence: string;
}

/** So many faults are told in full; a list with a wrong column would print one a row. */
const SHOWN = 20;

/** Gathers a list's faults in constant memory. */
export class FaultReport {
  readonly #shown: RowFault[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(fault: RowFault): void {
    this.#count += 1;
    if (this.#shown.length < SHOWN) this.#shown.push(fault);
  }

  /** One `UserError` (`bad_list`) for all of them. */
  toError(listName: string): UserError {
    const faults = this.#count === 1 ? 'a fault' : `${this.#count.toLocaleString('en-US')} faults`;
    const lines = this.#shown.map((fault) => `  ${faultText(fault)}`);
    const more = this.#count - this.#shown.length;
    if (more > 0) lines.push(`  and ${more.toLocaleString('en-US')} more.`);
    return new UserError(
      'bad_list',
      `${listName} has ${faults}; nothing was queued and nothing was spent.\n${lines.join('\n')}`,
    );
  }
}

export function faultText({ line, column, sentence }: RowFault): string {
  const where =
    column === undefined ? '' : column.startsWith('--') ? `, option ${column}` : `, column ${column}`;
  return `line ${line}${where}: ${sentence}`;
}

/** A value as an error message shows it: quoted, and never more of it than a person can take in. */
export function shown(value: string): string {
  const characters = [...value.slice(0, 100)];
  return JSON.stringify(characters.length <= 40 ? value : `${characters.slice(0, 40).join('')}…`);
}
