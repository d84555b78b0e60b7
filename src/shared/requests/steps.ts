import { LRUCache } from 'lru-cache';
import type { Logger } from '../base/log.ts';
import { createVoice } from '../base/voice.ts';
import type { Journal } from '../journal/journal.ts';
import type { Head } from '../journal/objects.ts';
import { UnreadablePlanError } from '../journal/plan-chunks.ts';
import type { PlannedRequest, PlanRow } from '../journal/plan-row.ts';
import { CHECK_FAILURES, isMadeAgain } from '../journal/regeneration.ts';
import type { Model } from '../models/model.ts';
import { successorOf } from '../models/model-end.ts';
import { priceOf } from '../models/price.ts';
import type { Registry } from '../models/registry.ts';
import type { JobCall, QueueName } from '../queues/jobs.ts';
import { parseRequestKey, type RequestName } from '../store/keys.ts';
import type { Batches, Stop } from './batches.ts';
import type { EndpointStops } from './endpoint-stops.ts';
import { countedOn } from './failing.ts';
import type { Outcome } from './outcome.ts';
import type { Records, Step } from './records.ts';
import { REDIS_LOST } from './redis-continuity.ts';
import type { TransitionName } from './states.ts';

/** What every step of a request leans on: its record, its plan, and the bell that it rings for the next one. */
export interface House {
  /** Takes a transition, and does what follows from it: jobs for the woken, the summary of a batch that ended. */
  step(name: TransitionName, step: Step): Promise<Outcome>;
  /** Gives a request its job in a queue. A repeat is harmless. */
  give(queue: QueueName, request: string, round: number, delayMs?: number): Promise<void>;
  /** The plan's words on a request. */
  work(request: string, signal?: AbortSignal): Promise<Work>;
  /**
   * The same, of a request for which nothing is at fal. undefined: its plan stands in the store and can never be read,
   * and the request has failed by that. Nothing paid is lost: what is at fal, or may be, is never asked for here.
   */
  workOrFail(
    run: { readonly request: string; readonly epoch: number; readonly round: number },
    signal?: AbortSignal,
  ): Promise<Work | undefined>;
  /** Stops all submits, everywhere, until a person resumes. */
  stop(stop: Stop): Promise<void>;
  /** Stops the submits of one endpoint, since fal says that it is not there. `words`: fal's. */
  stopEndpoint(model: Model, words: string): Promise<void>;
  /** Writes the failure down and ends the request with it. */
  fail(
    request: string,
    epoch: number,
    round: number,
    failure: { code: string; message: string },
  ): Promise<void>;
}

export interface Work {
  readonly name: RequestName;
  readonly row: PlanRow;
  readonly planned: PlannedRequest;
  readonly model: Model;
}

export interface HouseDeps {
  readonly records: Records;
  readonly batches: Batches;
  readonly endpointStops: Pick<EndpointStops, 'stop'>;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly add: (queue: QueueName, calls: readonly JobCall[]) => Promise<void>;
  readonly pauseSubmits: () => Promise<void>;
  /** A batch has nothing left to do. */
  readonly ended: (batch: string) => Promise<void>;
  /** One step has held a whole batch. */
  readonly held: (batch: string) => Promise<void>;
  /** A job was turned away for its batch's word; others may stand behind it. */
  readonly turnedAway: (batch: string) => void;
  /** Takes secrets out of words that came from outside: what fal says may repeat what it was sent. */
  readonly clean: (text: string) => string;
  readonly clock: () => number;
  readonly log: Logger;
}

/** The plan's words on a request. Throws a `UserError` where no model of that name is known any more. */
export function createWork(journal: Pick<Journal, 'planned'>, registry: Registry): House['work'] {
  return async (request, signal) => {
    const name = parseRequestKey(request);
    if (name === undefined) throw new RangeError(`not a request key: ${request}`);
    const { row, request: asPlanned } = await journal.planned(name, signal);
    const model = registry.get(row.model);
    // The plan expected these to cost nothing. A picture that turns out to be gone is paid for by a user's wish alone, and
    // then at its price.
    const planned =
      asPlanned.kind === 'pay'
        ? asPlanned
        : { ...asPlanned, ...priceOf(model, row.input, row.prompt, asPlanned.indices.length) };
    return { name, row, planned, model };
  };
}

export function createHouse(deps: HouseDeps): House {
  const { records, batches, journal, registry, add, log } = deps;
  const priorities = new Map<string, number>();
  // Every step that is refused says it again.
  const voice = createVoice({ log, clock: deps.clock });
  const heads = new LRUCache<string, Head>({ max: 100 });

  /** Fixed for the life of a batch. */
  async function priorityOf(batch: string): Promise<number> {
    const known = priorities.get(batch);
    if (known !== undefined) return known;
    const priority = (await batches.read(batch))?.priority ?? 0;
    if (priorities.size > 1_000) priorities.clear();
    priorities.set(batch, priority);
    return priority;
  }

  /** How a failure counts towards the limit of failures in a row. */
  async function countedFailure(name: RequestName, failure: { code: string; message: string }) {
    const shot = await shotOf(name);
    const isExpected = CHECK_FAILURES.has(failure.code) && (await isMadeAgainIn(name.batch, failure.code));
    const on = countedOn(failure.code, isExpected ? 'made again' : 'final');
    return { ...failure, shot, on };
  }

  async function shotOf(name: RequestName): Promise<string> {
    try {
      return (await journal.planned(name)).row.shot;
    } catch (error) {
      if (!(error instanceof UnreadablePlanError)) throw error;
      return `row ${name.row + 1}`;
    }
  }

  async function isMadeAgainIn(batch: string, code: string): Promise<boolean> {
    const head = heads.get(batch) ?? (await journal.readHead(batch));
    if (head === undefined) return false;
    heads.set(batch, head);
    return isMadeAgain(head, code);
  }

  async function give(queue: QueueName, request: string, round: number, delayMs?: number): Promise<void> {
    const batch = parseRequestKey(request)?.batch ?? '';
    const call = { request, round, priority: await priorityOf(batch) };
    await add(queue, [delayMs === undefined ? call : { ...call, delayMs }]);
  }

  return {
    give,

    async step(name, step) {
      const outcome = await records.transition(name, step);
      if (outcome.code === 'ok' || outcome.code === 'held') {
        for (const { request, round } of outcome.woken) await give('generate', request, round);
      }
      const batch = parseRequestKey(step.request)?.batch ?? '';
      if (outcome.code === 'ok' && outcome.ended) await deps.ended(batch);
      const isHeld = outcome.code === 'ok' ? outcome.holds : outcome.code === 'held' && outcome.whole;
      if (isHeld === true) await deps.held(batch);
      if (outcome.code === 'ok' && outcome.lifts !== undefined) {
        log.warn({ request: step.request }, 'a good picture came; its batch goes on');
        // After the hold, also by another clock.
        const at = Math.max(deps.clock(), outcome.lifts + 1);
        await journal.writeEvent(batch, { kind: 'resume', at }, `lift-${step.request}`);
      }
      if (outcome.code === 'lost') await this.stop(REDIS_LOST);
      if (outcome.code === 'ok' && outcome.over === true) {
        // Nothing was sent, and nothing will be: its batch was cancelled meanwhile.
        const { request, epoch } = step;
        // Of the round that it came back to.
        await this.step('cancel', {
          request,
          ...(epoch === undefined ? {} : { epoch }),
          round: outcome.round,
        });
        return { code: 'state', state: 'cancelled' };
      }
      if (outcome.code === 'held') {
        log.warn({ request: step.request, scope: outcome.scope }, 'held');
      }
      if (outcome.code === 'word') deps.turnedAway(batch);
      return outcome;
    },

    work: createWork(journal, registry),

    async workOrFail({ request, epoch, round }, signal) {
      try {
        return await this.work(request, signal);
      } catch (error) {
        if (!(error instanceof UnreadablePlanError)) throw error;
        const message = `${error.message} Restore that object and run shotlist retry, or queue the list again under another --batch.`;
        await this.fail(request, epoch, round, { code: 'plan_unreadable', message });
        return undefined;
      }
    },

    async stop({ code, reason: said }) {
      const reason = deps.clean(said);
      await batches.stop({ code, reason });
      await deps.pauseSubmits();
      voice.say('error', `${code} ${reason}`, { code, reason }, 'all submits stopped');
    },

    async stopEndpoint(model, words) {
      const { endpoint, alias } = model;
      const next = successorOf(model, registry) ?? 'NAME';
      const reason = deps.clean(
        `endpoint: fal says "${words}" of ${endpoint}; use --model ${next}, or shotlist resume to try ${alias} again`,
      );
      log.error({ endpoint, reason }, 'submits of an endpoint stopped');
      for (const { request, round } of await deps.endpointStops.stop(endpoint, reason))
        await give('generate', request, round);
    },

    async fail(request, epoch, round, { code, message }) {
      const failure = { code, message: deps.clean(message) };
      const name = parseRequestKey(request);
      if (name === undefined) throw new RangeError(`not a request key: ${request}`);
      await journal.writeFailure({ ...name, round, at: deps.clock(), ...failure });
      const failing = await countedFailure(name, failure);
      const outcome = await this.step('fail', { request, epoch, failing, set: { failure: failure.code } });
      if (outcome.code === 'ok') log.warn({ request, ...failure }, 'request failed');
    },
  };
}
