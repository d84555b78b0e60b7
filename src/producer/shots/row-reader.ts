import type { ZodType } from 'zod';
import { shown } from '../../shared/base/text.ts';
import type { RowFault } from '../list/fault.ts';
import type { RawRow } from '../list/list.ts';
import type { ListOptions } from './options.ts';

/** A row while it is read: looks values up and gathers what is wrong. */
export class ShotRow {
  readonly faults: RowFault[] = [];
  readonly raw: RawRow;
  readonly options: ListOptions;

  constructor(raw: RawRow, options: ListOptions) {
    this.raw = raw;
    this.options = options;
  }

  /** The cell without white space at its ends; undefined where absent or empty. */
  cell(column: string): string | undefined {
    if (!Object.hasOwn(this.raw.columns, column)) return undefined;
    const text = this.raw.columns[column]?.trim();
    return text === '' ? undefined : text;
  }

  has(column: string): boolean {
    return this.cell(column) !== undefined;
  }

  fault(column: string | undefined, sentence: string): undefined {
    this.faults.push({ line: this.raw.line, column, sentence });
    return undefined;
  }

  /** A fault of the header or of an option, which every row has. */
  faultOfList(column: string | undefined, sentence: string): undefined {
    this.faults.push({ line: this.raw.line, column, sentence, ofList: true });
    return undefined;
  }

  /** The cell, or else the fallback, through its schema; undefined after a fault. */
  read<T>(column: string, flag: string, fallback: string, schema: ZodType<T>): T | undefined {
    const cell = this.cell(column);
    const parsed = schema.safeParse(cell ?? fallback);
    if (parsed.success) return parsed.data;
    const sentence = `${shown(cell ?? fallback)} ${parsed.error.issues[0]?.message ?? 'is not allowed'}`;
    return cell === undefined ? this.faultOfList(flag, sentence) : this.fault(column, sentence);
  }
}
