import { UserError } from '../../shared/base/errors.ts';
import { MESSAGE_CHARACTERS, SENTENCE_CHARACTERS, shortened, shown } from '../../shared/base/text.ts';
import { LIST_LIMITS } from './limits.ts';

/** What is wrong with one row, and where. */
export interface RowFault {
  /** Line of the file on which the row begins, from 1. */
  readonly line: number;
  /** The column at fault, or the command-line option (`--quality`) that reached this row. */
  readonly column: string | undefined;
  /** Names the value and what is allowed: `"ultra" is not allowed; use one of low, medium, high`. */
  readonly sentence: string;
  /** It is about the header or an option, so that each row has it: told once a list. */
  readonly ofList?: true | undefined;
}

/** So many faults are told in full; a list with a wrong column would print one a row. */
const SHOWN = 20;

/** Gathers a list's faults in constant memory. */
export class FaultReport {
  readonly #shown: RowFault[] = [];
  readonly #ofList = new Set<string>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** There are so many that the rest of the list need not be read. */
  get isFull(): boolean {
    return this.#count >= LIST_LIMITS.faults;
  }

  add(fault: RowFault): void {
    if (fault.ofList === true) {
      const text = `${fault.column ?? ''} ${fault.sentence}`;
      if (this.#ofList.has(text)) return;
      this.#ofList.add(text);
    }
    this.#count += 1;
    if (this.#shown.length < SHOWN) this.#shown.push(fault);
  }

  /** One `UserError` (`bad_list`) for all of them. `read`: whether the list was read to its end. */
  toError(listName: string, read: 'whole' | 'in part' = 'whole'): UserError {
    const count = this.#count.toLocaleString('en-US');
    const faults =
      read === 'in part' ? `${count} faults or more` : this.#count === 1 ? 'a fault' : `${count} faults`;
    const begin = `${listName} has ${faults}; nothing was queued and nothing was spent.`;
    const lines: string[] = [];
    let characters = begin.length;
    for (const fault of this.#shown) {
      const line = `\n  ${faultText(fault)}`;
      if (characters + line.length > MESSAGE_CHARACTERS - 100) break;
      lines.push(line);
      characters += line.length;
    }
    const more = this.#count - lines.length;
    if (read === 'in part')
      lines.push(`\n  and ${more.toLocaleString('en-US')} more; the list was read no further.`);
    else if (more > 0) lines.push(`\n  and ${more.toLocaleString('en-US')} more.`);
    return new UserError('bad_list', `${begin}${lines.join('')}`);
  }
}

export function faultText({ line, column, sentence }: RowFault): string {
  const where =
    column === undefined
      ? ''
      : column.startsWith('--')
        ? `, option ${column}`
        : `, column ${shown(column).slice(1, -1)}`;
  return `line ${line}${where}: ${shortened(sentence, SENTENCE_CHARACTERS)}`;
}
