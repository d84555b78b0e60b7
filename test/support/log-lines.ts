import { pino } from 'pino';
import type { Logger } from '../../src/shared/base/log.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger whose lines a test looks at. */
export function logLines(level = 'warn'): { readonly log: Logger; readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({ level, base: null }, { write: (text: string) => void lines.push(JSON.parse(text)) });
  return { log, lines };
}
