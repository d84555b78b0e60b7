import { ZodError } from 'zod';
import { MalformedError } from '../../shared/base/errors.ts';
import { Later } from '../../shared/base/later.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import { createVoice } from '../../shared/base/voice.ts';
import type { Control } from '../../shared/fal/compare-input.ts';
import { FalError } from '../../shared/fal/errors.ts';
import type { Reading } from '../../shared/fal/history.ts';
import { FAL_SKEW_MS } from '../../shared/fal/limits.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { IdTaken } from '../../shared/journal/objects.ts';
import { missingControl, provenFrom, toAdopt } from '../../shared/requests/absence.ts';
import { inputOf, rivalHash } from '../../shared/requests/input.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import {
  createSightings,
  type Sighting,
  type SightingsDeps,
  type Sought,
} from '../../shared/requests/sightings.ts';
import type { House, Work } from '../../shared/requests/steps.ts';
import type { Undecided, UndecidedRequests } from '../../shared/requests/undecided.ts';
import { isSameRound } from '../../shared/store/keys.ts';
import type { Readings } from './readings.ts';

/** The looks at fal's list: soon at first, since a lost answer is mostly in the list within seconds. */
const LOOKS_MS = [1_000, 3_000, 10_000, 30_000, 60_000] as const;

/** Its `collect` job decides it at once, where a worker runs. */
const GIVEN_BACK_MS = 1_000;

/** Where time alone decides nothing any more; the next answered POST wakes it (`waker.ts`). */
const UNDECIDED_LOOK_MS = 600_000;

/** How far back a request counts that shows whose list it is. */
const CONTROL_MS = 86_400_000;

/** Of the entries that may be the request, so many are named. */
const NAMED = 10;

export interface UnknownsDeps extends SightingsDeps {
  readonly house: House;
  readonly records: Pick<Records, 'hasLaterRivals' | 'noteProof'>;
  readonly undecided: Pick<UndecidedRequests, 'note'>;
  readonly journal: Journal;
  readonly readings: Readings;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Finds out about a submit whose answer was lost. Resolves to fal's id where it was accepted (the record is `submitted`
 * then) or undefined where it is proven that it never was (the record is planned again, with its job). Throws `Later`
 * while nobody can tell: the money stays reserved and the images claimed.
 */
export function createResolveUnknown(deps: UnknownsDeps) {
  const { house, journal, readings, clock, log } = deps;
  const { around, controls } = createSightings(deps);
  const voice = createVoice({ log, clock });

  return async (record: RequestRecord, work: Work, signal: AbortSignal): Promise<string | undefined> => {
    const { request, epoch, round } = record;
    const { name, model, row } = work;

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

    const ownProofMs = provenFrom(intent.at, deps, model);
    const sought: Sought = { name, round, intent, posted: inputOf(work, intent.indices.length), model };
    const first = await look(sought, intent.at - FAL_SKEW_MS);
    const { reading, sightings, provenMs } = first;
    const isTime = reading.begunAtMs > ownProofMs;
    const isSettled = isTime && newestOf(reading) >= ownProofMs + reading.falAheadMs;
    const free = toAdopt(sightings, isSettled);
    // The entry may be that rival's, whose window does not reach back to ours, not listed yet and there to pay. The
    // latest of them may take any entry at once; then the next one is the latest (docs/states.md).
    const waits =
      free.length > 0 && !isSettled && (await deps.records.hasLaterRivals(rivalHash(work), intent.at));
    if (waits && !isTime) throw new Later(nextLookMs(), 'a later request with the same input is not decided');
    let isUndecided = false;
    for (const { entry } of waits ? [] : free) {
      const adopted = await adopt(entry.requestId);
      isUndecided ||= adopted === 'undecided' || typeof adopted === 'object';
      if (adopted === 'over') return undefined;
      if (adopted !== 'adopted') continue;
      log.info({ request, requestId: entry.requestId }, "found in fal's list");
      return entry.requestId;
    }
    if (isUndecided)
      throw new Later(GIVEN_BACK_MS, 'an entry of the list was taken just now, or in Redis alone as yet');
    if (!isTime)
      throw new Later(Math.max(200, Math.min(nextLookMs(), ownProofMs - clock() + 1)), 'not in the list yet');
    if (reading.begunAtMs <= provenMs) {
      await deps.undecided.note(record, model.endpoint, undefined);
      await deps.records.noteProof(record, provenMs);
      throw new Later(
        Math.max(200, Math.min(60_000, provenMs - clock() + 1)),
        'another request found an entry that may be ours, and its own may still come',
      );
    }
    let why = await whyUndecided(sought, first);
    // What tells whose list it is, and whether it tells inputs apart, may have been sent earlier.
    if (why?.why === 'whole' || why?.why === 'faithful')
      why = await whyUndecided(sought, await look(sought, Math.min(intent.at, clock() - CONTROL_MS)));
    if (why !== undefined) {
      await deps.undecided.note(record, model.endpoint, why);
      log.warn({ request, why: why.why }, "fal's list does not decide what became of it; it stays unknown");
      throw new Later(
        Math.min(UNDECIDED_LOOK_MS, Math.max(nextLookMs(), (clock() - provenMs) / 2)),
        'the list is no proof yet',
      );
    }
    log.info({ request }, 'proven never accepted; it will be submitted again');
    await replan();
    return undefined;

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

    async function read({ intent: { at } }: Sought, fromMs: number): Promise<Reading> {
      const nowMs = clock();
      // For a proof it is read again, once for all whose time is past by then.
      const begunFromMs =
        nowMs > ownProofMs ? Math.max(ownProofMs + 1, nowMs - 5_000) : nowMs - nextLookMs() / 4;
      try {
        return await readings.read(model.endpoint, { fromMs, begunFromMs }, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!isOfFal(error)) throw error;
        const why = error instanceof FalError ? error.message : 'its answer is not what fal documents';
        voice.say(
          'warn',
          why,
          { request, error: why, sinceS: Math.round((nowMs - at) / 1_000) },
          "fal's list cannot be read; the request stays unknown, its money reserved",
        );
        throw new Later(nextLookMs(), `fal's list of requests cannot be read (${why})`);
      }
    }

    async function look(one: Sought, fromMs: number): Promise<Look> {
      const reading = await read(one, fromMs);
      return { reading, ...(await around(one, reading, signal)) };
    }

    /** What keeps a list, that was read after everybody's time, from being the proof that fal never accepted it. */
    async function whyUndecided(
      { posted }: Sought,
      { reading, sightings, provenMs }: Look,
    ): Promise<Undecided | undefined> {
      const free = sightings.filter(({ foundByOther }) => !foundByOther);
      const ids = free.flatMap(({ entry, likeness }) => (likeness === 'unclear' ? [entry.requestId] : []));
      if (ids.length > 0) return { why: 'unclear', ids: ids.slice(0, NAMED), count: ids.length };
      // It is a later rival's, unless an earlier one is still to come.
      if (free.some(({ likeness }) => likeness === 'same')) return { why: 'fresh' };
      if (intent?.key !== deps.keyMark) return { why: 'key' };
      const seen = {
        others: sightings.filter(({ likeness }) => likeness === 'other'),
        newestMs: newestOf(reading),
        freshFromMs: provenMs + reading.falAheadMs,
      };
      const found: Control[] = [];
      let missing = missingControl(posted, { ...seen, controls: found }, model);
      if (missing?.why === 'fresh') return missing;
      for await (const control of controls(reading, signal)) {
        found.push(control);
        missing = missingControl(posted, { ...seen, controls: found }, model);
        if (missing === undefined) break;
      }
      return missing;
    }

    async function replan(): Promise<void> {
      const absent = await house.step('absent', { request, epoch, round });
      if (absent.code === 'ok') await house.give('generate', request, absent.round);
    }

    function nextLookMs(): number {
      const sinceIntentMs = clock() - (intent?.at ?? 0);
      return LOOKS_MS.find((ms) => sinceIntentMs < ms * 3) ?? LOOKS_MS[LOOKS_MS.length - 1] ?? 60_000;
    }
  };
}

/** A list that cannot be had, or that is not what fal documents; anything else is a fault of our own. */
function isOfFal(error: unknown): boolean {
  return error instanceof FalError || error instanceof MalformedError || error instanceof ZodError;
}

interface Look {
  readonly reading: Reading;
  readonly sightings: readonly Sighting[];
  readonly provenMs: number;
}

/** A time that lies ahead of fal's own clock says nothing. */
function newestOf({ entries, begunAtMs, falAheadMs }: Reading): number {
  const limitMs = begunAtMs + falAheadMs + FAL_SKEW_MS;
  return entries.reduce(
    (newest, { lastAtMs }) => (lastAtMs <= limitMs ? Math.max(newest, lastAtMs) : newest),
    0,
  );
}
