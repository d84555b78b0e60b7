import type { Journal } from '../../shared/journal.ts';
import type { IdTaken } from '../../shared/journal-objects.ts';
import { inputHashOf, isSameRound } from '../../shared/keys.ts';
import type { Logger } from '../../shared/log.ts';
import type { RequestRecord } from '../../shared/records/record.ts';
import type { Records } from '../../shared/records/records.ts';
import type { Clock } from '../../shared/time.ts';
import type { House, Work } from '../house.ts';
import { Later } from '../later.ts';
import { createVoice } from '../voice.ts';
import { type OwnedEntry, provenForAll, provenFrom } from './absence.ts';
import { FalError } from './fal-error.ts';
import type { FalPlatform } from './fal-platform.ts';
import { inputOf } from './input.ts';
import { FAL_SKEW_MS } from './limits.ts';

/** The looks at fal's list: soon at first, since a lost answer is mostly in the list within seconds. */
const LOOKS_MS = [1_000, 3_000, 10_000, 30_000, 60_000] as const;

/** Its `collect` job decides it at once, where a worker runs. */
const GIVEN_BACK_MS = 1_000;

export interface UnknownsDeps {
  readonly house: House;
  readonly records: Pick<Records, 'hasLaterRivals' | 'noteProof'>;
  readonly journal: Journal;
  readonly platform: FalPlatform;
  readonly startTimeoutS: number;
  readonly unknownMarginS: number;
  readonly postWindowMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Finds out about a submit whose answer was lost. Resolves to fal's id where it was accepted (the record is `submitted`
 * then) or undefined where it is proven that it never was (the record is planned again, with its job). Throws `Later`
 * while nobody can tell: the money stays reserved and the images claimed.
 */
export function createResolveUnknown(deps: UnknownsDeps) {
  const { house, journal, platform, clock, log } = deps;
  const voice = createVoice({ log, clock });

  return async (record: RequestRecord, work: Work, signal: AbortSignal): Promise<string | undefined> => {
    const { request, epoch, round } = record;
    const { name, model, row } = work;

    /**
     * Where another round has the id, an earlier one of this request included, that one. `undecided`: it has it in Redis
     * alone, and may have to give it back.
     */
    async function adopt(requestId: string): Promise<'adopted' | IdTaken | 'undecided' | 'over'> {
      const owner = await journal.readId(requestId, signal);
      if (owner !== undefined && !isSameRound(owner, { ...name, round })) return owner;
      const accepted = await house.step('accept', { request, epoch, round, takeId: requestId });
      if (accepted.code === 'taken') return 'undecided';
      return accepted.code === 'ok' ? 'adopted' : 'over';
    }

    const intent = await journal.readIntent(name, round, signal);
    if (intent === undefined) {
      // No intent, so no POST: an intent stands before every one, and its confirm would now fail on the epoch.
      await replan();
      return undefined;
    }
    // What another run of this round came to, who was superseded or of before a rebuild of Redis.
    const known = await journal.outcomeOfRound(name, round, signal);
    if (known?.kind === 'closed') {
      await replan();
      return undefined;
    }
    if (known !== undefined) {
      const adopted = await adopt(known.requestId);
      if (adopted === 'adopted') return known.requestId;
      if (adopted === 'over') return undefined;
      throw new Later(GIVEN_BACK_MS, "another request has to give this request's id back first");
    }
    if (row.input['sync_mode'] === true) {
      throw new Later(600_000, 'a sync_mode request is missing from the history; a person must decide');
    }
    const provenFromMs = provenFrom(intent.at, deps);
    const askedAtMs = clock();
    const window = { fromMs: intent.at - FAL_SKEW_MS, toMs: Math.max(askedAtMs, provenFromMs) + FAL_SKEW_MS };
    let entries: Awaited<ReturnType<FalPlatform['findByInput']>>;
    try {
      entries = await platform.findByInput(
        model.endpoint,
        inputOf(work, intent.indices.length),
        window,
        signal,
      );
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const why = error instanceof FalError ? error.message : 'its answer is not what fal documents';
      voice.say(
        'warn',
        why,
        { request, error: why },
        "fal's list cannot be read; the request stays unknown, its money reserved",
      );
      throw new Later(nextLookMs(askedAtMs - intent.at), `fal's list of requests cannot be read (${why})`);
    }
    const isProof = askedAtMs > provenFromMs;
    const inputHash = inputHashOf(model.endpoint, inputOf(work, intent.indices.length));
    // The entry may be that rival's, whose window does not reach back to ours, not listed yet and there to pay. The
    // latest of them may take any entry at once; then the next one is the latest (docs/states.md).
    if (entries.length > 0 && !isProof && (await deps.records.hasLaterRivals(inputHash, intent.at))) {
      throw new Later(
        nextLookMs(askedAtMs - intent.at),
        'a later request with the same input is not decided',
      );
    }
    let undecided = false;
    const owned: OwnedEntry[] = [];
    for (const { requestId, sentAtMs } of entries) {
      const adopted = await adopt(requestId);
      undecided ||= adopted === 'undecided';
      if (typeof adopted === 'object') owned.push({ sentAtMs, owner: adopted });
      if (typeof adopted === 'object' || adopted === 'undecided') continue;
      if (adopted === 'over') return undefined;
      log.info({ request, requestId }, "found in fal's list");
      return requestId;
    }
    if (undecided) {
      throw new Later(
        GIVEN_BACK_MS,
        'an entry of the list is taken in Redis, and the store does not say so yet',
      );
    }
    if (isProof) {
      const notBeforeMs = await provenForAll(intent.at, owned, deps, signal);
      if (askedAtMs <= notBeforeMs) {
        await deps.records.noteProof(record, notBeforeMs);
        throw new Later(
          Math.max(200, Math.min(60_000, notBeforeMs - askedAtMs + 1)),
          'another request found an entry that may be ours, and its own may still come',
        );
      }
      log.info({ request }, 'proven never accepted; it will be submitted again');
      await replan();
      return undefined;
    }
    throw new Later(
      Math.max(200, Math.min(nextLookMs(askedAtMs - intent.at), provenFromMs - askedAtMs + 1)),
      'not in the list yet',
    );

    async function replan(): Promise<void> {
      const absent = await house.step('absent', { request, epoch, round });
      if (absent.code === 'ok') await house.give('generate', request, absent.round);
    }
  };
}

function nextLookMs(sinceIntentMs: number): number {
  return LOOKS_MS.find((ms) => sinceIntentMs < ms * 3) ?? LOOKS_MS[LOOKS_MS.length - 1] ?? 60_000;
}
