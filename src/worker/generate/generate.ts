import { randomUUID } from 'node:crypto';
import { UnavailableError, UserError } from '../../shared/base/errors.ts';
import { Later } from '../../shared/base/later.ts';
import type { Logger } from '../../shared/base/log.ts';
import { type Clock, dayOf, delayedAbort, type Sleep } from '../../shared/base/time.ts';
import { createVoice } from '../../shared/base/voice.ts';
import { FalError } from '../../shared/fal/errors.ts';
import { AWAY_MS, LONGEST_RUN_MS } from '../../shared/fal/limits.ts';
import type { FalInput, FalQueue } from '../../shared/fal/queue.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Latencies } from '../../shared/redis/latencies.ts';
import type { Doors } from '../../shared/requests/doors.ts';
import { inputOf, latencyKind, rivalHash } from '../../shared/requests/input.ts';
import type { Woken } from '../../shared/requests/outcome.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import { submitVerdict } from '../../shared/requests/verdicts.ts';
import { objectKeys } from '../../shared/store/keys.ts';
import { contradicted } from '../../shared/store/objects.ts';
import { stateOf } from '../../shared/takes/variants.ts';
import type { Patience } from '../patience.ts';
import { createWaysBack, type Run, type SentIntent, type WaysBackDeps } from './not-submitted.ts';
import { createSubmitWaits } from './submit-waits.ts';
import { paceFor, waitUntilDone } from './wait.ts';

export interface GenerateDeps {
  readonly house: House;
  readonly records: Records;
  readonly journal: Journal;
  readonly queue: FalQueue;
  readonly latencies: Latencies;
  /** How the variants of a shot stand. */
  readonly variants: WaysBackDeps['variants'];
  /** Fetches those of these variants that are paid; resolves to why one of them cannot be had. */
  readonly fetchPaid: WaysBackDeps['fetchPaid'];
  /** Every worker starts no submit for that long. */
  readonly slowDown: (ms: number) => Promise<void>;
  readonly countLocked: WaysBackDeps['countLocked'];
  readonly startTimeoutS: number;
  /** A submit must leave within this time of its intent. */
  readonly postWindowMs: number;
  /** How long a POST under way may still answer after the signal has aborted. */
  readonly graceMs: number;
  readonly doors: Pick<Doors, 'enter' | 'leave' | 'answered'>;
  /** fal answered a POST of the endpoint with an id. */
  readonly answered: (endpoint: string) => void;
  /** Of the key that POSTs. */
  readonly keyMark: string;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly random: () => number;
  /** What is waited for. */
  readonly patience: Patience;
  readonly log: Logger;
}

/**
 * One activation of a request: reserve, intent, confirm, POST once, take the id, wait until fal is done, hand over to
 * `collect`. It may be run again after a crash at any point. When the signal aborts (shutdown, lost lock) it parks what
 * it has in hand: before the POST the request is planned again, after it `collect` takes it on.
 */
export function createGenerate(deps: GenerateDeps): (request: string, signal: AbortSignal) => Promise<void> {
  const { house, records, journal, log } = deps;
  const { release, lose, refused, unfetched, turnedAway } = createWaysBack(deps);
  const voice = createVoice({ log, clock: deps.clock });
  const waits = createSubmitWaits(deps);

  return async (request, signal) => {
    const record = await records.activate(request, 'generate');
    if (record === undefined) return;
    const round = await startingRound(record);
    if (round === undefined) return;
    await submit({ request, epoch: record.epoch, round, attempts: record.attempts }, signal);
  };

  /** The round to submit in; undefined when there is nothing for `generate` to do. */
  async function startingRound({
    request,
    name,
    state,
    epoch,
    round,
  }: RequestRecord): Promise<number | undefined> {
    switch (state) {
      case 'planned':
        return round;
      case 'submitting': {
        // A former run died. Without an intent it cannot have sent anything: its confirm would fail on the epoch.
        const intent = await journal.readIntent(name, round);
        if (intent !== undefined) {
          await lose({ request, epoch, round }, await house.work(request), intent);
          return undefined;
        }
        const released = await house.step('release', { request, epoch, round });
        return released.code === 'ok' ? released.round : undefined;
      }
      case 'submitted':
      case 'unknown':
        await house.give('collect', request, round);
        return undefined;
      case 'generated':
      case 'rendering':
        await house.give('render', request, round);
        return undefined;
      case 'held':
      case 'delivered':
      case 'failed':
      case 'cancelled':
        return undefined;
    }
  }

  async function submit(run: Run, signal: AbortSignal): Promise<void> {
    const { request } = run;
    const work = await house.workOrFail(run, signal);
    if (work === undefined) return;
    const { model } = work;
    const entry = await deps.doors.enter(model.endpoint, request);
    if (entry.code === 'later')
      throw new Later(entry.rest, "fal's front door is shut; this one tries it next");
    if (entry.code === 'wait') {
      log.info(
        { request, endpoint: model.endpoint },
        "waiting for fal's front door, which answers no submit",
      );
      return;
    }
    try {
      await reserveAndPost(run, work, signal);
    } finally {
      if (entry.code === 'probe') await give(await deps.doors.leave(model.endpoint, request));
    }
  }

  async function opened(endpoint: string): Promise<void> {
    await give(await deps.doors.answered(endpoint));
  }

  async function give(woken: readonly Woken[]): Promise<void> {
    for (const one of woken) await house.give('generate', one.request, one.round);
  }

  async function reserveAndPost(run: Run, work: Work, signal: AbortSignal): Promise<void> {
    const { request, epoch, round } = run;
    const { row, planned, name } = work;
    const take = { shotKey: row.shotKey, indices: planned.indices, price: planned.maxMicroUsd };
    const reserved = await house.step('reserve', {
      request,
      epoch,
      round,
      endpoint: work.model.endpoint,
      take,
    });
    if (reserved.code !== 'ok') {
      await turnedAway(run, work, reserved, signal);
      return;
    }

    const ready = await beforePost(run, signal, async () => {
      // Only now that the images are claimed is it sure that nobody else is about to store them.
      const variants = await deps.variants(row.shotKey, signal);
      // What fal was paid for is fetched before anything is paid.
      const failure = await deps.fetchPaid(work, variants, signal);
      if (failure !== undefined) return { failure };
      const indices = planned.indices.filter((index) => stateOf(variants, index) === 'nothing');
      if (indices.length === 0) return 'adopt';
      const at = deps.clock();
      const value = {
        ...name,
        round,
        nonce: randomUUID(),
        at,
        reserved: planned.maxMicroUsd,
        day: dayOf(at),
        indices,
        key: deps.keyMark,
      };
      if ((await journal.writeIntent(value, signal)) === 'theirs') return 'theirs';
      const rival = { hash: rivalHash(work), intentAtMs: at };
      const confirmed = await house.step('confirm', {
        request,
        epoch,
        round,
        endpoint: work.model.endpoint,
        rival,
      });
      if (confirmed.code === 'stopped' || confirmed.code === 'word') return 'release';
      if (confirmed.code !== 'ok') return 'end';
      return signal.aborted ? 'release' : { indices, at };
    });
    switch (ready) {
      case 'end':
        return;
      case 'release':
        await release(run);
        return;
      case 'theirs': {
        // After a Redis that lost writes: this round was begun before.
        const theirs = await journal.readIntent(name, round, signal);
        if (theirs === undefined) throw contradicted(objectKeys.intent(name, round), 'not overwritten');
        await lose(run, work, theirs);
        return;
      }
      case 'adopt': {
        const adopted = await house.step('adopt', { request, epoch, round });
        if (adopted.code === 'ok') await house.give('render', request, adopted.round);
        return;
      }
      default:
    }
    if ('failure' in ready) {
      await unfetched(run, work, ready.failure, signal);
      return;
    }

    const input = inputOf(work, ready.indices.length);
    const postedAtMs = deps.clock();
    const requestId = await post(run, work, input, ready, signal);
    if (requestId === undefined) return;
    const { endpoint } = work.model;
    deps.answered(endpoint);
    await opened(endpoint);
    const accepted = await house.step('accept', { request, epoch, round, endpoint, takeId: requestId });
    if (accepted.code === 'taken') {
      log.warn({ request, requestId }, 'another request with the same input has adopted the id');
      await lose(run, work, ready);
    }
    if (accepted.code !== 'ok') return;
    log.debug({ request, requestId }, 'submitted');
    if (await isOwner(run, work, requestId))
      await wait(run, work, requestId, ready.indices.length, postedAtMs, signal);
    else await lose(run, work, ready);
  }

  /**
   * The durable copy of who has the id. It can be another's, or the round can have another one, only when Redis was
   * lost in between. With the store away `collect` writes it, before anything is booked.
   */
  async function isOwner({ request, round }: Run, { name }: Work, requestId: string): Promise<boolean> {
    try {
      return await journal.takeId({ ...name, round, requestId, at: deps.clock(), how: 'answered' });
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      log.warn({ request, requestId, error: error.message }, 'the store is away; the id is written later');
      return true;
    }
  }

  /** Whatever fails before the POST, nothing was sent: the request is planned again. */
  async function beforePost<T>(run: Run, signal: AbortSignal, steps: () => Promise<T>): Promise<T | 'end'> {
    try {
      return await steps();
    } catch (error) {
      await release(run);
      if (signal.aborted) return 'end';
      // A user must mend it, or it passes: the next request would meet the same.
      if (!(error instanceof UnavailableError || error instanceof UserError)) throw error;
      waits.beforeSubmit(run.request, error.message, AWAY_MS);
      await deps.slowDown(AWAY_MS);
      return 'end';
    }
  }

  /** POSTs once. undefined when it was not accepted, or nobody knows: then what follows is arranged already. */
  async function post(
    run: Run,
    work: Work,
    input: FalInput,
    intent: SentIntent,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { request } = run;
    const hurry = delayedAbort(signal, deps.graceMs);
    try {
      const { startTimeoutS } = deps;
      const options = { startTimeoutS, notAfterMs: intent.at + deps.postWindowMs, signal: hurry.signal };
      const { requestId } = await deps.queue.submit(work.model.endpoint, input, options);
      waits.submitted(request);
      return requestId;
    } catch (error) {
      if (!(error instanceof FalError)) throw error;
      const verdict = submitVerdict(error.fault);
      const { status, detail } = error.fault;
      const about = { request, verdict: verdict.kind, status, detail };
      voice.say('warn', `${verdict.kind} ${status} ${detail}`, about, 'submit failed');
      if (verdict.kind === 'slow')
        waits.beforeSubmit(request, `fal asks for fewer submits (${status})`, verdict.ms);
      if (verdict.kind === 'away') waits.beforeSubmit(request, `fal cannot be reached (${detail})`, AWAY_MS);
      if (verdict.kind === 'unknown') await lose(run, work, intent, 'at-door');
      else {
        // Nothing was sent, so the door said nothing.
        if (verdict.kind !== 'away') await opened(work.model.endpoint);
        await refused(run, work, verdict);
      }
      return undefined;
    } finally {
      hurry.clear();
    }
  }

  async function wait(
    run: Run,
    work: Work,
    requestId: string,
    numImages: number,
    postedAtMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const kind = latencyKind(work, numImages);
    const withLogs = log.isLevelEnabled('debug');
    try {
      const ended = await waitUntilDone(
        {
          status: (inner) =>
            waits.atFal(run, { requestId, postedAtMs }, () =>
              deps.queue.status(work.model.endpoint, requestId, {
                logs: withLogs ? 'with-logs' : 'without-logs',
                signal: inner,
              }),
            ),
          clock: deps.clock,
          sleep: deps.sleep,
          onLogs: (lines) => {
            for (const line of lines) log.debug({ request: run.request, requestId, line }, 'fal');
          },
        },
        paceFor(await deps.latencies.of(kind)),
        postedAtMs + deps.startTimeoutS * 1_000 + LONGEST_RUN_MS,
        signal,
      );
      if (ended.kind === 'done') await deps.latencies.learn(kind, Math.max(1, ended.atMs - postedAtMs));
    } catch (error) {
      // Shutdown or a lost lock: the request goes on at fal, and `collect` takes it from here.
      if (!signal.aborted) throw error;
    } finally {
      await house.give('collect', run.request, run.round);
    }
  }
}
