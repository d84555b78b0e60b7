import { UserError } from '../../shared/base/errors.ts';

/** What the process that reads and checks one list may take. */
export interface PlanLimits {
  /** V8's heap, in MB (1,048,576 bytes). */
  readonly heapMb: number;
  /** All of its memory, in MB: buffers and tables beside the heap. */
  readonly memoryMb: number;
  /** Processor time of all of its threads. */
  readonly cpuMs: number;
  /** So long it may neither take bytes of the list nor answer, while bytes are there. */
  readonly silenceMs: number;
}

/** A list of a million rows takes about 100 MB and half a minute of processor time. */
export const PLAN_LIMITS: PlanLimits = {
  heapMb: 512,
  memoryMb: 1_536,
  cpuMs: 10 * 60_000,
  silenceMs: 5 * 60_000,
};

/** The process that read and checked a list did not come to its end. Nothing was queued. */
export class PlanBrokenError extends UserError {
  constructor(message: string, options?: ErrorOptions) {
    super('plan_broken', message, options);
    this.name = 'PlanBrokenError';
  }
}

/** How the process of a list ended, if it ended before the list did. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** We ended it, since it was silent for too long. */
  readonly wasSilent: boolean;
  /** The last characters that it wrote to stderr. */
  readonly lastWords: string;
}

/** V8 ends a process that is out of heap by one of these, and so does the watch when the memory is used up. */
const OUT_OF_MEMORY: ReadonlySet<string | number> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL', 134]);
/** By this signal the watch ends a process whose processor time is used up. */
export const OUT_OF_CPU = 'SIGXCPU';
export const OUT_OF_RSS = 'SIGABRT';

export function brokenBy(
  { code, signal, wasSilent, lastWords }: ProcessEnd,
  limits: PlanLimits,
): PlanBrokenError {
  const by = signal ?? code ?? '';
  if (wasSilent) return over(`${timeText(limits.silenceMs)} without progress`);
  if (by === OUT_OF_CPU) return over(`${timeText(limits.cpuMs)} of processor time`);
  if (OUT_OF_MEMORY.has(by)) return over(`${limits.heapMb} MB of memory`);
  if (by === 'SIGKILL') {
    return new PlanBrokenError(
      `The process that planned the list was killed (SIGKILL), most likely because this machine is out of memory. ${MEND}`,
    );
  }
  const last = lastWords.trim() === '' ? '' : `: ${lastWords.trim()}`;
  return new PlanBrokenError(
    `The process that planned the list ended (${by})${last} (this is a fault of shotlist)`,
  );
}

function over(limit: string): PlanBrokenError {
  return new PlanBrokenError(`The list could not be planned within ${limit}. ${MEND}`);
}

const MEND =
  'Nothing was queued and nothing was spent. Shorten its cells, prompts and templates, or split the list.';

function timeText(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} minutes` : `${ms / 1_000} s`;
}
