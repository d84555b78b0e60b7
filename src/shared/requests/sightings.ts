import { LRUCache } from 'lru-cache';
import { MalformedError, UserError } from '../base/errors.ts';
import { type Comparison, type Control, comparison, type Input } from '../fal/compare-input.ts';
import type { Reading, SeenEntry } from '../fal/history.ts';
import { FAL_SKEW_MS } from '../fal/limits.ts';
import type { Journal } from '../journal/journal.ts';
import { type IdTaken, type Intent, isExplained } from '../journal/objects.ts';
import type { Model } from '../models/model.ts';
import { isSameRound, type RequestName, requestKeyOf } from '../store/keys.ts';
import { type AbsenceLimits, provenFrom } from './absence.ts';
import { inputOf } from './input.ts';
import type { House } from './steps.ts';

export interface SightingsDeps extends AbsenceLimits {
  readonly house: Pick<House, 'work'>;
  readonly journal: Pick<Journal, 'readId' | 'readIntent'>;
  /** Of the key that reads the list. */
  readonly keyMark: string;
}

/** A request whose answer was lost, as it is looked for. */
export interface Sought {
  readonly name: RequestName;
  readonly round: number;
  readonly intent: Intent;
  readonly posted: Input;
  readonly model: Model;
}

/** An entry of fal's list that may be the sought one's. */
export interface Sighting extends Comparison {
  readonly entry: SeenEntry;
  /** Another round *found* it: what that one POSTed may then be the sought one's to find. */
  readonly foundByOther: boolean;
}

export interface Sightings {
  /**
   * What the reading shows of the time in which the sought request can have reached fal, by the time it was sent. An id
   * that fal answered to a POST of ours, or that a user decided on, is explained and left out. `provenMs` (ms since
   * 1970): T of everybody who may have its entry.
   */
  around(
    sought: Sought,
    reading: Reading,
    signal: AbortSignal,
  ): Promise<{ readonly sightings: readonly Sighting[]; readonly provenMs: number }>;
  /** What fal shows of requests whose id it answered to a POST with this key, the latest first. */
  controls(reading: Reading, signal: AbortSignal): AsyncGenerator<Control>;
}

/** Controls that tell what fal fills in: all entries are filled in alike, or the comparison says `unclear`. */
const FEW = 5;
/** Entries of one reading that are asked whose they are, before it counts as one without a control. */
const MOST_ASKED = 1_000;

export function createSightings(deps: SightingsDeps): Sightings {
  const { house, journal } = deps;
  // What is explained once stays so.
  const explained = new LRUCache<string, IdTaken>({ max: 10_000 });
  const asControl = new LRUCache<string, { readonly posted: Input | undefined }>({ max: 2_000 });

  async function ownerOf(requestId: string, signal: AbortSignal): Promise<IdTaken | undefined> {
    const known = explained.get(requestId);
    if (known !== undefined) return known;
    const owner = await journal.readId(requestId, signal);
    if (owner !== undefined && isExplained(owner)) explained.set(requestId, owner);
    return owner;
  }

  /** What this key POSTed to get the id; undefined where that is not known. */
  async function postedFor(owner: IdTaken, signal: AbortSignal): Promise<Input | undefined> {
    const known = asControl.get(owner.requestId);
    if (known !== undefined) return known.posted;
    const intent = await journal.readIntent(owner, owner.round, signal);
    let posted: Input | undefined;
    if (intent !== undefined && intent.key === deps.keyMark) {
      try {
        posted = inputOf(await house.work(requestKeyOf(owner), signal), intent.indices.length);
      } catch (error) {
        // Of a model that is no longer known, or a plan that is damaged: then it is no control, and others may be.
        if (!(error instanceof UserError || error instanceof MalformedError)) throw error;
      }
    }
    asControl.set(owner.requestId, { posted });
    return posted;
  }

  async function* controls({ entries }: Reading, signal: AbortSignal): AsyncGenerator<Control> {
    for (const { requestId, shown } of entries.toReversed().slice(0, MOST_ASKED)) {
      const owner = await ownerOf(requestId, signal);
      if (owner?.how !== 'answered') continue;
      const posted = await postedFor(owner, signal);
      if (posted !== undefined) yield { posted, shown };
    }
  }

  async function fewControls(reading: Reading, signal: AbortSignal): Promise<readonly Control[]> {
    const few: Control[] = [];
    for await (const control of controls(reading, signal)) if (few.push(control) === FEW) break;
    return few;
  }

  return {
    controls,

    async around({ name, round, intent, posted, model }, reading, signal) {
      const sightings: Sighting[] = [];
      let few: readonly Control[] | undefined;
      let reachMs = intent.at + deps.postWindowMs + FAL_SKEW_MS;
      let provenMs = provenFrom(intent.at, deps, model);
      for (const entry of reading.entries) {
        if (entry.sentAtMs < intent.at - FAL_SKEW_MS) continue;
        if (entry.sentAtMs > reachMs) break;
        const owner = await ownerOf(entry.requestId, signal);
        if (owner !== undefined && isSameRound(owner, { ...name, round })) {
          // Another run of this round wrote it down just now: it is ours, whatever it looks like.
          sightings.push({ entry, foundByOther: false, likeness: 'same', differs: [] });
          continue;
        }
        if (owner !== undefined && isExplained(owner)) continue;
        let compared = comparison(posted, entry.shown, model);
        if (compared.likeness === 'unclear') {
          few ??= await fewControls(reading, signal);
          compared = comparison(posted, entry.shown, model, few);
        }
        const foundByOther = owner !== undefined;
        sightings.push({ entry, foundByOther, ...compared });
        if (!foundByOther || compared.likeness === 'other') continue;
        // It may be the sought one's, and then the finder's own is there for it, in the finder's time; and so on.
        const theirs = await journal.readIntent(owner, owner.round, signal);
        const theirMs = theirs?.at ?? owner.at;
        reachMs = Math.max(reachMs, theirMs + deps.postWindowMs + FAL_SKEW_MS);
        provenMs = Math.max(provenMs, provenFrom(theirMs, deps, model));
      }
      return { sightings, provenMs };
    },
  };
}
