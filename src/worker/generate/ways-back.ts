import type { Intent } from '../../shared/journal-objects.ts';
import { inputHashOf } from '../../shared/keys.ts';
import type { Logger } from '../../shared/log.ts';
import type { Outcome } from '../../shared/records/records.ts';
import { backoffMs } from '../../shared/time.ts';
import type { House, Work } from '../house.ts';
import { inputOf } from './input.ts';
import { ATTEMPT_BACKOFF, AWAY_MS, MAX_ATTEMPTS } from './limits.ts';
import type { SubmitVerdict } from './verdicts.ts';

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
  readonly made: (shotKey: string, signal?: AbortSignal) => Promise<ReadonlySet<number>>;
  readonly slowDown: (ms: number) => Promise<void>;
  readonly random: () => number;
  readonly log: Logger;
}

/** What becomes of a request whose submit did not go straight through. */
export interface WaysBack {
  /** Back to planned, in a new round with a job of its own. Only when it is certain that nothing was accepted. */
  release(run: Run, attempts?: number, delayMs?: number): Promise<void>;
  /** It may or may not have been accepted: `collect` finds out. */
  lose(run: Pick<Run, 'request' | 'epoch' | 'round'>, work: Work, intent: SentIntent): Promise<void>;
  /** A definite no: nothing was accepted. */
  refused(run: Run, verdict: Exclude<SubmitVerdict, { kind: 'unknown' }>): Promise<void>;
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
  return { release, lose, refused, turnedAway };

  async function release(
    { request, epoch, attempts: before }: Run,
    attempts = before,
    delayMs?: number,
  ): Promise<void> {
    const released = await house.step('release', { request, epoch, set: { attempts } });
    if (released.code === 'ok') await house.give('generate', request, released.round, delayMs);
  }

  async function lose(
    { request, epoch, round }: Pick<Run, 'request' | 'epoch' | 'round'>,
    work: Work,
    intent: SentIntent,
  ): Promise<void> {
    const inputHash = inputHashOf(work.model.endpoint, inputOf(work, intent.indices.length));
    const lost = await house.step('lose', { request, epoch, rival: { inputHash, intentAtMs: intent.at } });
    if (lost.code !== 'ok') return;
    log.warn({ request }, 'a submit may or may not have been accepted; looking for it');
    await house.give('collect', request, round);
  }

  async function refused(run: Run, verdict: Exclude<SubmitVerdict, { kind: 'unknown' }>): Promise<void> {
    const { request, epoch, round, attempts } = run;
    switch (verdict.kind) {
      case 'stop':
        // Stopped before it is planned again, so that no worker tries it in between.
        await house.stop(verdict.stop);
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
        if (attempts + 1 >= MAX_ATTEMPTS) await house.fail(request, epoch, round, verdict.failure);
        else
          await release(run, attempts + 1, backoffMs(attempts, { ...ATTEMPT_BACKOFF, random: deps.random }));
        return;
      case 'fail':
        await house.fail(request, epoch, round, verdict.failure);
        return;
    }
  }

  async function turnedAway(
    { request, epoch }: Run,
    { row, planned }: Work,
    outcome: Exclude<Outcome, { code: 'ok' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { code } = outcome;
    log.debug({ request, code }, 'not now');
    if (outcome.code === 'word' && outcome.reason === 'cancelled') {
      await house.step('cancel', { request, epoch });
      return;
    }
    if (code !== 'claimed' && code !== 'wait' && code !== 'held') return;
    const made = await deps.made(row.shotKey, signal);
    if (!planned.indices.every((index) => made.has(index))) return;
    const adopted = await house.step('adopt', { request, epoch });
    if (adopted.code === 'ok') await house.give('render', request, adopted.round);
  }
}
