import { type ChildProcess, fork } from 'node:child_process';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { environmentFor } from '../../shared/base/child-env.ts';
import type { Environment } from '../../shared/base/config.ts';
import { formOf, listBytes, type StoredList } from '../list/list.ts';
import type { Checked } from './check-rows.ts';
import { brokenBy, type PlanLimits } from './limits.ts';
import { type DecodeDeps, decodeAnswer, MAX_ANSWER_BYTES, type PlanJob, unpromised } from './protocol.ts';

/** How the process of a list is started. */
export interface ListProcess {
  /** Its entry, which calls `startPlanChild`. */
  readonly file: URL;
  readonly execArgv: readonly string[];
  /** The parent's; the process gets little of it (`environmentFor`). */
  readonly environment: Environment;
  readonly limits: PlanLimits;
}

export interface CheckInChildDeps extends DecodeDeps {
  readonly source: StoredList;
  /** Of the whole list, unpacked. */
  readonly maxBytes: number;
  /** An endpoint id. */
  readonly defaultModel: string;
  readonly process: ListProcess;
  readonly signal: AbortSignal;
}

/**
 * `checkRows` in a process of its own with limits of memory and time, so that a list can end its own planning and
 * nothing else. This process reads the list's bytes and hands them on; the other has neither files, secrets nor network to work with.
 * Rejects with what the check rejects with, with a `PlanBrokenError` if the process did not come to its end, and with
 * the signal's reason when it aborts. The process has ended when this has.
 */
export async function* checkInChild(deps: CheckInChildDeps): AsyncGenerator<Checked> {
  const { source, process: how, signal, options, recipes, defaultModel } = deps;
  const form = formOf(source, deps.maxBytes);
  signal.throwIfAborted();
  const { limits } = how;
  const child = fork(how.file, [], {
    env: environmentFor('node', how.environment),
    execArgv: [`--max-old-space-size=${limits.heapMb}`, ...how.execArgv],
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('a child without pipes');
  const ended = endOf(child);
  const kill = () => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const input = feed(source, stdin, signal, kill);
  const silence = watchSilence(limits.silenceMs, input, kill);
  try {
    const job: PlanJob = { form, options, defaultModel, recipes: [...recipes], limits };
    // If it fails, the process is at its end, which says why.
    child.send(job, () => undefined);
    let isWhole = false;
    for await (const line of linesOf(stdout, silence)) {
      if (isWhole) throw unpromised('it goes on behind its end');
      const checked = decodeAnswer(line, deps);
      isWhole = checked.kind === 'default-rows';
      yield checked;
    }
    const { code, signal: by, lastWords } = await ended;
    signal.throwIfAborted();
    // What was read before the list could not be read any more is no list.
    if (input.fault !== undefined) throw input.fault.thrown;
    if (!isWhole || code !== 0)
      throw brokenBy({ code, signal: by, wasSilent: silence.wasSilent, lastWords }, limits);
    if (!input.isWhole) throw unpromised('it did not read the whole list');
  } finally {
    signal.removeEventListener('abort', kill);
    silence.stop();
    input.stop();
    kill();
    stdout.destroy();
    await ended;
  }
}

interface Input {
  /** Rises with each piece that the process has taken. */
  taken: number;
  /** The process has something to take, or has all of it. */
  isWaited: boolean;
  /** All of the list was handed over. */
  isWhole: boolean;
  /** Why the list could not be read. */
  fault: { readonly thrown: unknown } | undefined;
  stop(): void;
}

/** Hands the list's bytes to the process, as fast as it takes them. */
function feed(source: StoredList, stdin: Writable, signal: AbortSignal, kill: () => void): Input {
  const stopping = new AbortController();
  const input: Input = {
    taken: 0,
    isWaited: false,
    isWhole: false,
    fault: undefined,
    stop: () => stopping.abort(new Error('the list is not read any more')),
  };
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of listBytes(source, AbortSignal.any([signal, stopping.signal]))) {
        input.isWaited = true;
        yield chunk;
        input.taken += 1;
        input.isWaited = false;
      }
      input.isWaited = true;
    } catch (thrown) {
      if (!stopping.signal.aborted) input.fault ??= { thrown };
      kill();
      throw thrown;
    }
  }
  pipeline(bytes(), stdin).then(
    () => {
      input.isWhole = true;
    },
    // A process that reads no more is at its end, which says why.
    () => undefined,
  );
  return input;
}

interface Silence {
  readonly wasSilent: boolean;
  /** Whether an answer is waited for, from now on. */
  waits(isWaiting: boolean): void;
  stop(): void;
}

/** A process that has something to take or to say, and does neither for too long, is ended. */
function watchSilence(limitMs: number, input: Input, kill: () => void): Silence {
  let isWaiting = false;
  let wasSilent = false;
  let sinceMs = performance.now();
  let taken = 0;
  const timer = setInterval(
    () => {
      const now = performance.now();
      if (!isWaiting || !input.isWaited || input.taken !== taken) sinceMs = now;
      taken = input.taken;
      if (now - sinceMs < limitMs) return;
      wasSilent = true;
      kill();
    },
    Math.min(1_000, limitMs / 4),
  );
  return {
    get wasSilent() {
      return wasSilent;
    },
    waits(is) {
      isWaiting = is;
      sinceMs = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}

/** Whole lines, none longer than `MAX_ANSWER_BYTES`. Reading waits until the last one is done with. */
async function* linesOf(stdout: AsyncIterable<Buffer>, silence: Silence): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  silence.waits(true);
  for await (const chunk of stdout) {
    silence.waits(false);
    let from = 0;
    for (let at = chunk.indexOf('\n'); at !== -1; at = chunk.indexOf('\n', from)) {
      pending.push(chunk.subarray(from, at));
      yield Buffer.concat(pending).toString('utf8');
      pending = [];
      pendingBytes = 0;
      from = at + 1;
    }
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    if (pendingBytes > MAX_ANSWER_BYTES) throw unpromised('its answer is too long');
    silence.waits(true);
  }
  silence.waits(false);
  // Half a line is what a process that was ended leaves behind.
}

const LAST_WORDS = 500;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastWords: string;
}

/** Resolves when it has ended and all that it wrote is read, or when it could not be started. */
async function endOf(child: ChildProcess): Promise<End> {
  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-LAST_WORDS);
  });
  return await new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, lastWords }));
    // Also of a signal that could not be sent or a job that nobody takes; then it has ended, or will.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, signal: null, lastWords: error.message });
    });
  });
}
