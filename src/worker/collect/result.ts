import { messageOf } from '../../shared/base/errors.ts';
import { Later } from '../../shared/base/later.ts';
import type { Logger } from '../../shared/base/log.ts';
import { backoffMs, type Clock, dayOf } from '../../shared/base/time.ts';
import { createVoice } from '../../shared/base/voice.ts';
import { FalError, type FalFault } from '../../shared/fal/errors.ts';
import type { FalPlatform } from '../../shared/fal/history.ts';
import { ATTEMPT_BACKOFF, MAX_ATTEMPTS } from '../../shared/fal/limits.ts';
import type { FalOutput, FalQueue } from '../../shared/fal/queue.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import { type Result, UNBILLED } from '../../shared/journal/objects.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import { type RequestFailure, readVerdict } from '../../shared/requests/verdicts.ts';
import type { RequestName } from '../../shared/store/keys.ts';
import { costOf } from './cost.ts';
import { isTooLarge, silentFailure } from './silent-result.ts';
import { createFaultOfResult } from './status-word.ts';
import { createUnitPrice } from './unit-price.ts';

/**
 * What fal answered, stored, and fal's own words where they were read just now; undefined when the request is planned
 * again or was ended. Throws `Later` where fal is not done or a read failed.
 */
export type ReadResult = (
  record: RequestRecord,
  work: Work,
  requestId: string,
  signal: AbortSignal,
) => Promise<{ readonly result: Result; readonly output: FalOutput | undefined } | undefined>;

export interface ReadResultDeps {
  readonly house: House;
  readonly records: Pick<Records, 'read'>;
  readonly journal: Journal;
  readonly queue: FalQueue;
  readonly platform: FalPlatform;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** Between two tries at a read of the status. */
const REPEAT_MS = 1_000;
/** How long a request that fal's queue cannot tell of is looked for in its history, which lags, before it is given up. */
const GIVE_UP_MS = 3_600_000;

/** The calls of a cancelling take less; after that its answer is lost, and the request counts as charged. */
const ASKED_MS = 60_000;
/** In a result: it never started. No failure, since its request ends as cancelled. */
const WITHDRAWN = 'withdrawn';

/** Reads and stores the result of a request whose id is known. The first one stored decides the cost. */
export function createReadResult(deps: ReadResultDeps): ReadResult {
  const { house, journal, platform, clock, log } = deps;
  const voice = createVoice({ log, clock });
  const unitPrice = createUnitPrice(deps);
  const faultOfResult = createFaultOfResult(deps);

  return async (record, work, requestId, signal) => {
    const standing = await journal.readResult(requestId, signal);
    if (standing !== undefined) return await endedOr(record, standing, undefined, signal);
    try {
      const { output, billableUnits } = await ask(record, work, requestId, signal);
      const result = await keep(record, work, requestId, output, billableUnits, undefined, signal);
      return await endedOr(record, result, output, signal);
    } catch (error) {
      if (!(error instanceof FalError)) throw error;
      signal.throwIfAborted();
      const fault = await faultOfResult(work, requestId, error.fault, signal);
      const verdict = readVerdict(fault);
      switch (verdict.kind) {
        case 'repeat':
          if (isHopeless(record)) return await fromHistory(record, work, requestId, signal);
          throw new Later(verdict.afterMs ?? patienceMs(record), error.message);
        case 'stop':
          await house.stop(verdict.stop);
          throw new Later(30_000, error.message);
        case 'gone':
          return await fromHistory(record, work, requestId, signal);
        case 'never-started':
          await rerun(record, requestId, { attempts: record.attempts, delayMs: 0 }, signal);
          return undefined;
        case 'rerun':
          if (record.attempts + 1 < MAX_ATTEMPTS) {
            const delayMs = backoffMs(record.attempts, { ...ATTEMPT_BACKOFF, random: deps.random });
            log.warn(
              { request: record.request, requestId, ...verdict.failure },
              'the run failed unbilled; trying anew',
            );
            await rerun(record, requestId, { attempts: record.attempts + 1, delayMs }, signal);
          } else {
            await house.fail(record.request, record.epoch, record.round, verdict.failure);
          }
          return undefined;
        case 'in-progress-or-bad':
          // Said of a run that is done.
          break;
        case 'fail':
          if (await wasWithdrawn(record, fault)) return await withdraw(record, requestId, signal);
          break;
      }
      const { billableUnits } = fault;
      const result = await keep(record, work, requestId, undefined, billableUnits, verdict.failure, signal);
      return await endedOr(record, result, undefined, signal);
    }
  };

  /**
   * Whether it was us who took it out of fal's queue before it started. Only both words together say so, that of the
   * cancelling and that of the result: any other end of a cancelled request may have been charged.
   */
  async function wasWithdrawn({ request }: RequestRecord, fault: FalFault): Promise<boolean> {
    if (fault.status !== 499 || (fault.billableUnits ?? 0) > 0) return false;
    const note = (await deps.records.read(request))?.withdrawal;
    // The answer to the cancelling is just on its way.
    if (note?.kind === 'asked' && clock() - note.atMs < ASKED_MS)
      throw new Later(REPEAT_MS, 'being cancelled');
    return note?.kind === 'queued';
  }

  async function withdraw(record: RequestRecord, requestId: string, signal: AbortSignal) {
    const { name, round } = record;
    // In the store first, since a rebuild of Redis would know nothing of the note.
    const standing = await journal.writeResult(
      {
        ...nothingPaid({ name, round, requestId }),
        failure: { code: WITHDRAWN, message: "cancelled in fal's queue before it started; not charged" },
      },
      signal,
    );
    return await endedOr(record, standing, undefined, signal);
  }

  /** Ends the request, or the round, where the result that stands says that nothing was charged for it. */
  async function endedOr(
    record: RequestRecord,
    result: Result,
    output: FalOutput | undefined,
    signal: AbortSignal,
  ) {
    const { request, epoch, round, attempts } = record;
    switch (result.failure?.code) {
      case UNBILLED:
        // Whoever wrote it died before the step.
        await rerun(record, result.requestId, { attempts: attempts + 1, delayMs: 0 }, signal);
        return undefined;
      case WITHDRAWN: {
        const withdrawn = await house.step('withdraw', { request, epoch, round });
        if (withdrawn.code === 'ok') log.info({ request }, "cancelled in fal's queue; not charged");
        return undefined;
      }
      default:
        return { result, output };
    }
  }

  /**
   * fal's answer. A 400 may say no more than that the run is not done; where it is done by the time that the status
   * tells, it may have come to its end in between, so that only what it answers now is its answer.
   */
  async function ask(record: RequestRecord, work: Work, requestId: string, signal: AbortSignal) {
    const read = () => deps.queue.result(work.model.endpoint, requestId, signal);
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof FalError) || readVerdict(error.fault).kind !== 'in-progress-or-bad') throw error;
      signal.throwIfAborted();
      if ((await stateOf(work, requestId, signal)) !== 'done')
        throw new Later(patienceMs(record), 'fal is not done yet');
      return await read();
    }
  }

  async function stateOf(work: Work, requestId: string, signal: AbortSignal): Promise<string> {
    try {
      return (await deps.queue.status(work.model.endpoint, requestId, { logs: 'without-logs', signal }))
        .state;
    } catch (error) {
      if (error instanceof FalError) throw new Later(REPEAT_MS, error.message);
      throw error;
    }
  }

  /** Decides the cost and writes the result; whoever wrote it first is right. */
  async function keep(
    { name, round, reserved }: RequestRecord,
    work: Work,
    requestId: string,
    output: FalOutput | undefined,
    units: number | undefined,
    failure: RequestFailure | undefined,
    signal: AbortSignal,
  ): Promise<Result> {
    const unitPriceUsd = units === undefined || units === 0 ? 0 : await unitPrice(work, signal);
    const images = output?.images ?? [];
    const wanted =
      (await journal.readIntent(name, round, signal))?.indices.length ?? work.planned.indices.length;
    // A run that failed and may be billed counts at its reservation where fal gives no units.
    const priced =
      failure !== undefined && units === undefined
        ? ({ cost: reserved ?? work.planned.maxMicroUsd, source: 'assumed' } as const)
        : costOf(work, wanted, units, unitPriceUsd);
    const now = clock();
    const short =
      failure === undefined && images.length < wanted
        ? { code: 'too_few_images', message: `fal made ${images.length} of ${wanted} images.` }
        : undefined;
    return await journal.writeResult(
      {
        ...name,
        round,
        requestId,
        at: now,
        day: dayOf(now),
        ...priced,
        ...(units === undefined ? {} : { units }),
        images: images.slice(0, wanted).map(({ url, file_name }) => ({
          // A signature is a secret: such an address is read from fal again when it is needed.
          ...(url.startsWith('data:') || !url.includes('?') ? { url } : {}),
          ...(file_name === null || file_name === undefined ? {} : { fileName: file_name }),
        })),
        ...((failure ?? short) === undefined ? {} : { failure: failure ?? short }),
      },
      signal,
    );
  }

  /** The queue forgot a request that ran: its media live on for days, and fal's history knows them. Never a new POST. */
  async function fromHistory(record: RequestRecord, work: Work, requestId: string, signal: AbortSignal) {
    const now = clock();
    const sinceMs = (await journal.readId(requestId, signal))?.at ?? record.intentAtMs ?? now;
    // fal's own word on when it was sent, where it was found or attached: that may be days before the id was taken.
    const sentAtMs = Math.min(sinceMs, record.intentAtMs ?? sinceMs);
    const window = { fromMs: sentAtMs - 86_400_000, toMs: now + 60_000 };
    let history: Parameters<typeof silentFailure>[1] = 'expired';
    try {
      const entry = await platform.findById(work.model.endpoint, requestId, window, signal);
      if (entry?.output !== undefined) {
        const result = await keep(record, work, requestId, entry.output, undefined, undefined, signal);
        return { result, output: entry.output };
      }
    } catch (error) {
      signal.throwIfAborted();
      const why = String(error);
      const about = { request: record.request, requestId, error: why };
      voice.say('warn', why, about, "fal's history cannot be read");
      if (!isTooLarge(error) || now - sinceMs < GIVE_UP_MS)
        throw new Later(30_000, `fal's history cannot be read (${messageOf(error)})`);
      history = 'too-large';
    }
    if (now - sinceMs < GIVE_UP_MS)
      throw new Later(10_000, "fal's queue has forgotten it, and its history does not show it yet");
    const failure = silentFailure(requestId, history);
    return {
      result: await keep(record, work, requestId, undefined, undefined, failure, signal),
      output: undefined,
    };
  }

  async function rerun(
    record: RequestRecord,
    requestId: string,
    { attempts, delayMs }: { readonly attempts: number; readonly delayMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { name, request, epoch, round } = record;
    // In the store first, where a rebuild of Redis sees by it that this round has come to its end.
    await journal.writeResult(
      {
        ...nothingPaid({ name, round, requestId }),
        failure: { code: UNBILLED, message: 'the run failed or never started, and is not billed' },
      },
      signal,
    );
    const again = await house.step('rerun', { request, epoch, round, set: { attempts } });
    if (again.code === 'ok') await house.give('generate', request, again.round, delayMs);
  }

  function nothingPaid({ name, round, requestId }: { name: RequestName; round: number; requestId: string }) {
    const at = clock();
    const cost = { cost: 0, source: 'price-rule' as const, images: [] };
    return { ...name, round, requestId, at, day: dayOf(at), ...cost };
  }

  /** Between two looks: short for a young request, up to a minute for an old one. */
  function patienceMs({ intentAtMs }: RequestRecord): number {
    return Math.min(60_000, Math.max(1_000, (clock() - (intentAtMs ?? clock())) / 20));
  }

  /** fal's queue has answered this request with faults for so long that its history is the better witness. */
  function isHopeless({ intentAtMs }: RequestRecord): boolean {
    return intentAtMs !== undefined && clock() - intentAtMs > GIVE_UP_MS;
  }
}
