import { MalformedError } from '../../shared/errors.ts';
import type { Journal, Result } from '../../shared/journal.ts';
import { objectKeys } from '../../shared/keys.ts';
import type { Logger } from '../../shared/log.ts';
import { PictureError, sniff } from '../../shared/media.ts';
import type { ObjectStore } from '../../shared/object-store.ts';
import type { Records, RequestRecord } from '../../shared/records/records.ts';
import { backoffMs, type Clock, dayOf } from '../../shared/time.ts';
import type { FalOutput, FalQueue } from '../generate/fal.ts';
import { FalError } from '../generate/fal-error.ts';
import type { FalPlatform } from '../generate/fal-platform.ts';
import { ATTEMPT_BACKOFF, isSame, MAX_ATTEMPTS } from '../generate/generate.ts';
import { type RequestFailure, readVerdict } from '../generate/verdicts.ts';
import type { House, Work } from '../house.ts';
import { Later } from '../later.ts';
import { costOf } from './book.ts';
import { MediaError } from './media.ts';

export interface CollectDeps {
  readonly house: House;
  readonly records: Records;
  readonly journal: Journal;
  readonly store: ObjectStore;
  readonly queue: FalQueue;
  readonly platform: FalPlatform;
  readonly resolveUnknown: (
    record: RequestRecord,
    work: Work,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
  readonly book: (record: RequestRecord, work: Work, result: Result, signal: AbortSignal) => Promise<void>;
  readonly fetchMedia: (address: string, signal: AbortSignal) => Promise<Buffer>;
  readonly made: (shotKey: string, signal?: AbortSignal) => Promise<ReadonlySet<number>>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** Between two looks at a request that fal has not finished. */
const LOOK_MS = 1_500;
/** Between two tries at a read that failed. */
const REPEAT_MS = 1_000;
/** How long an expired request is looked for in fal's history, which lags, before it is given up. */
const GIVE_UP_MS = 3_600_000;
/** How long a picture that fal says is not there is asked for again. */
const MEDIA_PATIENCE_MS = 120_000;

/**
 * Takes a request whose id is known (or an unknown one) to its stored originals: result, book, fetch, store. Each part
 * is safe to repeat; a crash anywhere costs a read. Throws `Later` where fal is not done or a read failed.
 */
export function createCollect(deps: CollectDeps): (request: string, signal: AbortSignal) => Promise<void> {
  const { house, records, journal, store, platform, clock, log } = deps;

  return async (request, signal) => {
    const record = await records.activate(request);
    if (record === undefined) return;
    if (record.state === 'generated' || record.state === 'rendering') {
      await house.give('render', request, record.round);
      return;
    }
    if (record.state !== 'submitted' && record.state !== 'unknown') return;
    const work = await house.work(request, signal);
    const requestId =
      record.state === 'unknown' ? await deps.resolveUnknown(record, work, signal) : record.requestId;
    if (requestId === undefined) {
      if (record.state === 'submitted') throw new MalformedError(`The record of ${request} lacks fal's id.`);
      return;
    }
    await settle(record, work, requestId, signal);
  };

  async function settle(
    record: RequestRecord,
    work: Work,
    requestId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { request, epoch, round, name } = record;
    // The durable word on whose request this is, before anything is booked. It names another only after a Redis that
    // lost writes; then ours is still to be found.
    const owner =
      (await journal.readId(requestId, signal)) ??
      (await journal.takeId({ ...name, round, requestId, at: clock() }, signal));
    if (!isSame(owner, { ...name, round })) {
      const lost = await house.step('lose', { request, epoch });
      if (lost.code === 'ok') throw new Later(REPEAT_MS, 'the id belongs to another request');
      return;
    }
    const answered = await resultOf(record, work, requestId, signal);
    if (answered === undefined) return;
    const { result, output } = answered;
    await deps.book(record, work, result, signal);
    try {
      await storeOriginals(record, work, result, output, signal);
    } catch (error) {
      if (!(error instanceof MediaError || error instanceof PictureError)) throw error;
      if (
        error instanceof MediaError &&
        error.code === 'media_gone' &&
        clock() - result.at < MEDIA_PATIENCE_MS
      ) {
        throw new Later(REPEAT_MS * 5, error.message);
      }
      await house.fail(request, epoch, round, { code: error.code, message: error.message });
      return;
    }
    if (result.failure !== undefined) {
      await house.fail(request, epoch, round, result.failure);
      return;
    }
    const stored = await house.step('store', { request, epoch });
    if (stored.code === 'ok') await house.give('render', request, round);
  }

  /** What fal answered, stored; undefined when the request is planned again or was ended. */
  async function resultOf(
    record: RequestRecord,
    work: Work,
    requestId: string,
    signal: AbortSignal,
  ): Promise<{ result: Result; output: FalOutput | undefined } | undefined> {
    const standing = await journal.readResult(requestId, signal);
    if (standing !== undefined) return { result: standing, output: undefined };
    try {
      const { output, billableUnits } = await deps.queue.result(work.model.endpoint, requestId, signal);
      return {
        result: await keep(record, work, requestId, output, billableUnits, undefined, signal),
        output,
      };
    } catch (error) {
      if (!(error instanceof FalError)) throw error;
      signal.throwIfAborted();
      const verdict = readVerdict(error.fault);
      switch (verdict.kind) {
        case 'repeat':
          throw new Later(verdict.afterMs ?? REPEAT_MS, error.message);
        case 'stop':
          await house.stop(verdict.stop);
          throw new Later(30_000, error.message);
        case 'gone':
          return await fromHistory(record, work, requestId, signal);
        case 'never-started':
          await rerun(record, record.attempts, 0);
          return undefined;
        case 'rerun':
          if (record.attempts + 1 < MAX_ATTEMPTS) {
            const delayMs = backoffMs(record.attempts, { ...ATTEMPT_BACKOFF, random: deps.random });
            log.warn(
              { request: record.request, requestId, ...verdict.failure },
              'the run failed unbilled; trying anew',
            );
            await rerun(record, record.attempts + 1, delayMs);
          } else {
            await house.fail(record.request, record.epoch, record.round, verdict.failure);
          }
          return undefined;
        case 'in-progress-or-bad':
          if ((await stateOf(work, requestId, signal)) !== 'done')
            throw new Later(LOOK_MS, 'fal is not done yet');
          break;
        case 'fail':
          break;
      }
      const { billableUnits } = error.fault;
      const result = await keep(record, work, requestId, undefined, billableUnits, verdict.failure, signal);
      return { result, output: undefined };
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
    const unitPriceUsd = units === undefined || units === 0 ? 0 : await priceOfUnit(work, signal);
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

  /** fal's price list being away is no reason to wait: the model's own rule is the next best source. */
  async function priceOfUnit({ model }: Work, signal: AbortSignal): Promise<number | undefined> {
    try {
      return await platform.unitPriceUsd(model.endpoint, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ error: String(error) }, "fal's price list cannot be read; the price rule counts");
      return undefined;
    }
  }

  /** The queue forgot a request that ran: its media live on for days, and fal's history knows them. Never a new POST. */
  async function fromHistory(record: RequestRecord, work: Work, requestId: string, signal: AbortSignal) {
    const now = clock();
    const sinceMs = (await journal.readId(requestId, signal))?.at ?? record.intentAtMs ?? now;
    const dayMs = 86_400_000;
    try {
      const entry = await platform.findById(
        work.model.endpoint,
        requestId,
        { fromMs: sinceMs - dayMs, toMs: now + 60_000 },
        signal,
      );
      if (entry?.output !== undefined) {
        const result = await keep(record, work, requestId, entry.output, undefined, undefined, signal);
        return { result, output: entry.output };
      }
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ request: record.request, requestId, error: String(error) }, "fal's history cannot be read");
      throw new Later(30_000, 'the history cannot be read');
    }
    if (now - sinceMs < GIVE_UP_MS) throw new Later(10_000, 'not in the history yet');
    const failure = {
      code: 'result_expired',
      message: `fal no longer holds request ${requestId} and its history does not show the pictures; it may have been paid for.`,
    };
    return {
      result: await keep(record, work, requestId, undefined, undefined, failure, signal),
      output: undefined,
    };
  }

  async function rerun({ request, epoch }: RequestRecord, attempts: number, delayMs: number): Promise<void> {
    const again = await house.step('rerun', { request, epoch, set: { attempts } });
    if (again.code === 'ok') await house.give('generate', request, again.round, delayMs);
  }

  async function storeOriginals(
    { name, round }: RequestRecord,
    { row, planned, model }: Work,
    result: Result,
    output: FalOutput | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const indices = (await journal.readIntent(name, round, signal))?.indices ?? planned.indices;
    const made = await deps.made(row.shotKey, signal);
    let known = output;
    for (const [at, { url, fileName }] of result.images.entries()) {
      const index = indices[at];
      if (index === undefined || made.has(index)) continue;
      if (url === undefined)
        known ??= (await deps.queue.result(model.endpoint, result.requestId, signal)).output;
      const address = url ?? known?.images[at]?.url;
      if (address === undefined)
        throw new MediaError('media_gone', `fal's answer no longer holds image ${at + 1}.`);
      const body = await deps.fetchMedia(address, signal);
      const format = await sniff(body);
      const key = objectKeys.original(row.shotKey, index, format?.extension ?? 'bin');
      await store.putOnce(key, body, {
        contentType: format?.contentType ?? 'application/octet-stream',
        metadata: {
          'fal-request-id': ascii(result.requestId),
          ...(fileName === undefined ? {} : { 'fal-file-name': ascii(fileName) }),
        },
        signal,
      });
      if (format === undefined) {
        throw new PictureError(
          'wrong_format',
          'The bytes are not a picture: jpeg, png and webp are taken. They are kept.',
        );
      }
    }
  }
}

/** Object metadata travels as HTTP headers. */
function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '_').slice(0, 200);
}
