import type { Logger } from '../../shared/base/log.ts';
import { backoffMs, type Clock } from '../../shared/base/time.ts';
import {
  ATTEMPT_BACKOFF,
  AWAY_MS,
  LOCKED_CAP_MS,
  MAX_ATTEMPTS,
  MAX_LOCKED,
} from '../../shared/fal/limits.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Intent } from '../../shared/journal/objects.ts';
import { rivalHash } from '../../shared/requests/input.ts';
import type { Outcome } from '../../shared/requests/outcome.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import { type RequestFailure, SLOW_DOWN_MS, type SubmitVerdict } from '../../shared/requests/verdicts.ts';
import { parseRequestKey } from '../../shared/store/keys.ts';
import { stateOf, type Variants } from '../../shared/takes/variants.ts';

/** One activation of a request. */
export interface Run {
  readonly request: string;
  readonly epoch: number;
  readonly round: number;
  readonly attempts: number;
}

/** What was, or may have been, POSTed: for which variants, and when its intent was written. */
export type SentIntent = Pick<Intent, 'at' | 'indices'>;

export interface WaysBackDeps {
  readonly house: House;
  readonly journal: Pick<Journal, 'closeRound' | 'readIntent'>;
  readonly variants: (shotKey: string, signal?: AbortSignal) => Promise<Variants>;
  readonly fetchPaid: (
    work: Work,
    variants: Variants,
    signal: AbortSignal,
  ) => Promise<RequestFailure | undefined>;
  readonly slowDown: (ms: number) => Promise<void>;
  /**
   * Counts what fal answered to a POST on that endpoint; resolves to how many 423 it has answered in a row, over all
   * workers. An answer that accepts is counted by the step `accept`.
   */
  readonly countLocked: (endpoint: string, answer: 'locked' | 'other') => Promise<number>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** What becomes of a request whose submit did not go straight through. */
export interface WaysBack {
  /** Back to planned, in a new round with a job of its own. Only when it is certain that nothing was accepted. */
  release(run: Run, attempts?: number, delayMs?: number): Promise<void>;
  /** It may or may not have been accepted: `collect` finds out. */
  lose(
    run: Pick<Run, 'request' | 'epoch' | 'round'>,
    work: Work,
    intent: SentIntent,
    /** `at-door`: fal's answer to a POST was lost just now, which counts at its front door. */
    where?: 'at-door',
  ): Promise<void>;
  /** A definite no: nothing was accepted. */
  refused(run: Run, work: Work, verdict: Exclude<SubmitVerdict, { kind: 'unknown' }>): Promise<void>;
  /** A picture that fal was paid for cannot be had: it fails, and nothing is paid. */
  unfetched(run: Run, work: Work, failure: RequestFailure, signal: AbortSignal): Promise<void>;
  /**
   * No claim or no room. Somebody wakes the request: a release, a resume, the end of the other claim. But what is paid
   * for already needs neither.
   */
  turnedAway(
    run: Run,
    work: Work,
    outcome: Exclude<Outcome, { code: 'ok' }>,
    signal: AbortSignal,
  ): Promise<void>;
}

export function createWaysBack(deps: WaysBackDeps): WaysBack {
  const { house, log } = deps;
  return { release, lose, refused, unfetched, turnedAway };

  async function release(
    { request, epoch, round, attempts: before }: Run,
    attempts = before,
    delayMs?: number,
  ): Promise<void> {
    const released = await house.step('release', { request, epoch, round, set: { attempts } });
    if (released.code === 'ok') await house.give('generate', request, released.round, delayMs);
  }

  async function lose(
    { request, epoch, round }: Pick<Run, 'request' | 'epoch' | 'round'>,
    work: Work,
    intent: SentIntent,
    where?: 'at-door',
  ): Promise<void> {
    const lost = await house.step('lose', {
      request,
      epoch,
      round,
      rival: { hash: rivalHash(work), intentAtMs: intent.at },
      ...(where === undefined ? {} : { door: work.model.endpoint }),
    });
    if (lost.code !== 'ok') return;
    log.warn({ request }, 'a submit may or may not have been accepted; looking for it');
    await house.give('collect', request, round);
  }

  async function refused(
    run: Run,
    { model }: Work,
    verdict: Exclude<SubmitVerdict, { kind: 'unknown' }>,
  ): Promise<void> {
    const { attempts } = run;
    // Of an answer that never came nothing is said.
    const answer = verdict.kind === 'away' ? undefined : verdict.kind === 'locked' ? 'locked' : 'other';
    const inARow = answer === undefined ? 0 : await deps.countLocked(model.endpoint, answer);
    switch (verdict.kind) {
      case 'stop':
        // Stopped before it is planned again, so that no worker tries it in between.
        await house.stop(verdict.stop);
        await release(run);
        return;
      case 'endpoint':
        await house.stopEndpoint(model, verdict.words);
        await release(run);
        return;
      case 'locked':
        if (inARow >= MAX_LOCKED) await house.stopEndpoint(model, verdict.words);
        else await deps.slowDown(verdict.retryAfterMs ?? lockedMs(inARow));
        await release(run);
        return;
      case 'slow':
        await deps.slowDown(verdict.ms);
        await release(run);
        return;
      case 'away':
        await deps.slowDown(AWAY_MS);
        await release(run);
        return;
      case 'again':
        if (attempts + 1 >= MAX_ATTEMPTS) await fail(run, verdict.failure);
        else
          await release(run, attempts + 1, backoffMs(attempts, { ...ATTEMPT_BACKOFF, random: deps.random }));
        return;
      case 'fail':
        await fail(run, verdict.failure);
        return;
    }
  }

  /**
   * That fal gave no id goes first: a run that was superseded would fail a round else in which its successor has found
   * one, and a rebuild would believe it.
   */
  async function fail({ request, epoch, round }: Run, failure: RequestFailure): Promise<void> {
    const name = parseRequestKey(request);
    if (name === undefined) throw new RangeError(`not a request key: ${request}`);
    const at = deps.clock();
    if ((await deps.journal.closeRound({ ...name, round, at })) !== undefined) return;
    await house.fail(request, epoch, round, failure);
  }

  async function unfetched(
    run: Run,
    work: Work,
    failure: RequestFailure,
    signal: AbortSignal,
  ): Promise<void> {
    const begun = await deps.journal.readIntent(work.name, run.round, signal);
    // After a Redis that lost writes: this round was begun before, and may have been paid for.
    if (begun !== undefined) await lose(run, work, begun);
    else await fail(run, failure);
  }

  async function turnedAway(
    run: Run,
    work: Work,
    outcome: Exclude<Outcome, { code: 'ok' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { code } = outcome;
    const { request, epoch, round } = run;
    const { row, planned } = work;
    log.debug({ request, code }, 'not now');
    if (outcome.code === 'word' && outcome.reason === 'cancelled') {
      await house.step('cancel', { request, epoch, round });
      return;
    }
    if (code !== 'claimed' && code !== 'wait' && code !== 'held' && code !== 'stopped') return;
    const variants = await deps.variants(row.shotKey, signal);
    const states = planned.indices.map((index) => stateOf(variants, index));
    if (states.includes('nothing')) return;
    if (states.includes('paid')) {
      // Whoever has the claim is fetching it, with more patience; its end wakes this one.
      if (code === 'claimed') return;
      const failure = await deps.fetchPaid(work, variants, signal);
      if (failure !== undefined) {
        // A held one stays held.
        if (code !== 'held') await unfetched(run, work, failure, signal);
        return;
      }
    }
    const adopted = await house.step('adopt', { request, epoch, round });
    if (adopted.code === 'ok') await house.give('render', request, adopted.round);
  }
}

/** How long everyone waits after so many 423 in a row. */
export function lockedMs(inARow: number): number {
  return Math.min(LOCKED_CAP_MS, SLOW_DOWN_MS * 2 ** (inARow - 1));
}
