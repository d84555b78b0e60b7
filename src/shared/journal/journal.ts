import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { TooLargeObjectError } from '../base/answer-size.ts';
import { MalformedError, UnavailableError } from '../base/errors.ts';
import { type Clock, optional, systemClock } from '../base/time.ts';
import { JOURNAL, objectKeys, type RequestName } from '../store/keys.ts';
import type { ObjectStore, StoredObject } from '../store/object-store.ts';
import { contradicted, putJsonOnce, putOrReadJson, readJson, readListedJson } from '../store/objects.ts';
import {
  DELIVERY_NAME,
  EVENT_NAME,
  isLife,
  isTooLate,
  type OddNames,
  ownKeys,
  ROUND_NAME,
} from '../store/own-keys.ts';
import { closeRound, type IdObjects, outcomeOfRound, type RoundOutcome, takeId } from './fal-ids.ts';
import { ledgerKey, parseLedgerKey } from './ledger-key.ts';
import {
  type BatchEvent,
  type Delivery,
  delivery,
  event,
  type Failure,
  failure,
  type Head,
  type HouseEvent,
  head,
  houseEvent,
  type IdTaken,
  type Intent,
  idTaken,
  intent,
  type LedgerEntry,
  type LedgerTrace,
  type Life,
  ledgerEntry,
  mark,
  type Result,
  type RoundHas,
  result,
  roundHas,
} from './objects.ts';
import { chunkOfRow, UnreadablePlanError } from './plan-chunks.ts';
import { type PlannedRequest, type PlanRow, readSizedChunk } from './plan-row.ts';

/**
 * The durable memory of what may be spent and what was: everything under `_shotlist/`, all of it create-once but the
 * summary. Keys carry what a rebuild needs, so that listing is enough. When the store is away no intent can be
 * written, and so no money is spent.
 */

export interface JournalDeps {
  readonly store: ObjectStore;
  /** Bytes of plan chunks that are kept in memory, as JSON. */
  readonly cachedBytes?: number;
  /** Tells which lives lie in the future. Default: the clock of this machine. */
  readonly clock?: Clock;
  /** Hears of names under the journal's prefixes that are not ours. Default: nobody. */
  readonly odd?: OddNames;
}

/** As JSON; in memory they take about twice as much. Four of the largest chunks, or eight of 250 rows of 16 KB. */
const CACHED_BYTES = 33_554_432;

export class Journal {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #odd: OddNames | undefined;
  readonly #chunks: LRUCache<string, PlanRow[]>;
  /** By batch: fixed once its head is written. */
  readonly #starts = new LRUCache<string, { readonly starts: Head['chunkStarts'] }>({ max: 100 });

  constructor({ store, cachedBytes = CACHED_BYTES, clock = systemClock, odd }: JournalDeps) {
    this.#store = store;
    this.#clock = clock;
    this.#odd = odd;
    this.#chunks = new LRUCache({ maxSize: cachedBytes });
  }

  /** `exists` with the head that stands there. */
  async writeHead(value: Head, signal?: AbortSignal): Promise<{ wrote: boolean; head: Head }> {
    const stands = await putOrReadJson(
      this.#store,
      objectKeys.head(value.batch),
      { value, schema: head },
      signal,
    );
    return { wrote: stands.wrote, head: stands.value };
  }

  async readHead(batch: string, signal?: AbortSignal): Promise<Head | undefined> {
    return await this.#read(objectKeys.head(batch), head, signal);
  }

  /**
   * Writes the chunk where there is none; else resolves to the rows that stand there. A plan never changes once written.
   */
  async writeChunk(
    batch: string,
    chunk: number,
    bytes: Buffer,
    signal?: AbortSignal,
  ): Promise<'created' | PlanRow[]> {
    const key = objectKeys.planChunk(batch, chunk);
    const outcome = await this.#store.putOnce(key, bytes, {
      contentType: 'application/gzip',
      ...optional(signal),
    });
    if (outcome === 'created') return outcome;
    if ((await this.#store.get(key, signal)) === undefined) throw contradicted(key, 'not overwritten');
    return await this.readChunk(batch, chunk, signal);
  }

  /** Throws a MalformedError when the chunk is missing, and an UnreadablePlanError when it stands there and is none. */
  async readChunk(batch: string, chunk: number, signal?: AbortSignal): Promise<PlanRow[]> {
    const key = objectKeys.planChunk(batch, chunk);
    const cached = this.#chunks.get(key);
    if (cached !== undefined) return cached;
    const object = await this.#chunkObject(key, signal);
    if (object === undefined)
      throw new MalformedError(`The plan of batch ${batch} lacks ${key} in the store.`);
    const { rows, sizeBytes } = await this.#unpacked(key, object.body, signal);
    this.#chunks.set(key, rows, { size: Math.max(1, sizeBytes) });
    return rows;
  }

  async #chunkObject(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
    try {
      return await this.#store.get(key, signal);
    } catch (thrown) {
      if (!(thrown instanceof TooLargeObjectError)) throw thrown;
      throw new UnreadablePlanError(`The plan in ${key} cannot be read: ${thrown.message}`, {
        cause: thrown,
      });
    }
  }

  async #unpacked(
    key: string,
    body: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<ReturnType<typeof readSizedChunk>> {
    try {
      return readSizedChunk(body);
    } catch (thrown) {
      if (!(thrown instanceof UnreadablePlanError)) throw thrown;
      // Requests fail by this: only bytes that come twice are those that stand there.
      const again = (await this.#store.get(key, signal))?.body;
      if (again === undefined || !again.equals(body))
        throw new UnavailableError('s3', `The store did not answer the same bytes of ${key} twice.`);
      throw new UnreadablePlanError(`The plan in ${key} cannot be read: ${thrown.message}.`, {
        cause: thrown,
      });
    }
  }

  /** The plan's words on one request. */
  async planned(
    { batch, row, part }: RequestName,
    signal?: AbortSignal,
  ): Promise<{ row: PlanRow; request: PlannedRequest }> {
    const starts = await this.#startsOf(batch, signal);
    const rows = await this.readChunk(batch, chunkOfRow(row, starts), signal);
    const planRow = rows[row - (rows[0]?.row ?? 0)];
    const request = planRow?.requests.find((one) => one.part === part);
    if (planRow === undefined || planRow.row !== row || request === undefined) {
      throw new MalformedError(`The plan of batch ${batch} has no request ${row}.${part}.`);
    }
    return { row: planRow, request };
  }

  async #startsOf(batch: string, signal: AbortSignal | undefined): Promise<Head['chunkStarts']> {
    const known = this.#starts.get(batch);
    if (known !== undefined) return known.starts;
    const found = await this.readHead(batch, signal);
    // Without a head the rows are looked for where most plans have them; what is found says its own number.
    if (found !== undefined) this.#starts.set(batch, { starts: found.chunkStarts });
    return found?.chunkStarts;
  }

  /** `ours` also when the answer to our own write was lost and it stands there. */
  async writeIntent(value: Intent, signal?: AbortSignal): Promise<'ours' | 'theirs'> {
    const key = objectKeys.intent(value, value.round);
    const standing = await putOrReadJson(this.#store, key, { value, schema: intent }, signal);
    return standing.value.nonce === value.nonce ? 'ours' : 'theirs';
  }

  /**
   * undefined: nothing was sent in that round, so that the request may be sent again. A GET and a listing would both have
   * to hide the intent for that to be wrong; if they differ this rejects with an `UnavailableError`.
   */
  async readIntent(request: RequestName, round: number, signal?: AbortSignal): Promise<Intent | undefined> {
    const key = objectKeys.intent(request, round);
    const found = await this.#read(key, intent, signal);
    if (found !== undefined) return found;
    for await (const listed of this.#store.list(key, optional(signal)))
      if (listed.key === key) throw contradicted(key, 'listed');
    return undefined;
  }

  /** Takes fal's id for a round of a request; resolves to whether it is that round's from here on. */
  async takeId(value: IdTaken, signal?: AbortSignal): Promise<boolean> {
    return await takeId(this.#ids(signal), value);
  }

  /** The id that the round has; where it has none, none is given to it from here on. */
  async closeRound(value: Omit<RoundHas, 'requestId'>, signal?: AbortSignal): Promise<string | undefined> {
    return await closeRound(this.#ids(signal), value);
  }

  /** What the store says of a round: its id, or that fal refused it. */
  async outcomeOfRound(
    request: RequestName,
    round: number,
    signal?: AbortSignal,
  ): Promise<RoundOutcome | undefined> {
    return await outcomeOfRound(this.#ids(signal), request, round);
  }

  /** The round's own object of that number, which a listing shows; the id's own object says who has the id that it names. */
  async readRoundHas(
    request: RequestName,
    round: number,
    nth: number,
    signal?: AbortSignal,
  ): Promise<RoundHas> {
    return await readListedJson(this.#store, objectKeys.roundHas(request, round, nth), roundHas, signal);
  }

  /** By the id's segment in a key. */
  async readIdNamed(segment: string, signal?: AbortSignal): Promise<IdTaken | undefined> {
    return await this.#read(`${JOURNAL}ids/${segment}.json`, idTaken, signal);
  }

  /** The same, as versions before `roundHas` wrote it: under the id's own name. */
  async readRoundId(
    request: RequestName,
    round: number,
    segment: string,
    signal?: AbortSignal,
  ): Promise<IdTaken | undefined> {
    return await this.#read(
      `${objectKeys.roundIds(request.batch)}${request.row}.${request.part}-${round}.${segment}.json`,
      idTaken,
      signal,
    );
  }

  /**
   * undefined: no round has it. Nothing is decided by that alone: whoever wants the id writes it create-once (`takeId`),
   * and what a listing of the rounds shows is read back.
   */
  async readId(requestId: string, signal?: AbortSignal): Promise<IdTaken | undefined> {
    return await this.#read(objectKeys.id(requestId), idTaken, signal);
  }

  /** Resolves to the result that stands: the first one written decides the cost. */
  async writeResult(value: Result, signal?: AbortSignal): Promise<Result> {
    const key = objectKeys.result(value.requestId);
    return (await putOrReadJson(this.#store, key, { value, schema: result }, signal)).value;
  }

  /**
   * undefined: nothing is booked of it yet. A store that hides a result would have to accept a second create-once write
   * of it, too, for its cost to be booked twice (`writeResult`).
   */
  async readResult(requestId: string, signal?: AbortSignal): Promise<Result | undefined> {
    return await this.#read(objectKeys.result(requestId), result, signal);
  }

  /** Every part of the key comes from the stored result, so a request id can only ever have one. */
  async writeLedger(entry: LedgerEntry, day: string, signal?: AbortSignal): Promise<void> {
    await this.#once(ledgerKey(entry, day), entry, signal);
  }

  /**
   * Newest day last. `from` and `to` are days, both included. The sums of `costs`, `rebuild` and the caps are those of
   * this listing: one that is whole, in order and of this prefix would have to leave entries out for them to be too low.
   */
  async *listLedger(
    range: { from?: string; to?: string } = {},
    signal?: AbortSignal,
  ): AsyncGenerator<LedgerTrace> {
    const after = range.from === undefined ? undefined : objectKeys.ledgerDay(range.from).slice(0, -1);
    const options = { ...(after === undefined ? {} : { after }), ...optional(signal) };
    for await (const listed of this.#store.list(objectKeys.ledger, options)) {
      const parsed = parseLedgerKey(listed);
      if (parsed === undefined) continue;
      if (range.to !== undefined && parsed.day > range.to) return;
      yield parsed;
    }
  }

  /** `key`: of `listLedger`. */
  async readLedger(key: string, signal?: AbortSignal): Promise<LedgerEntry> {
    return await readListedJson(this.#store, key, ledgerEntry, signal);
  }

  async writeFailure(value: Failure, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.failure(value, value.round), value, signal);
  }

  async writeDelivery(value: Delivery, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.delivery(value), value, signal);
  }

  async readDelivery(request: RequestName, signal?: AbortSignal): Promise<Delivery | undefined> {
    return await this.#read(objectKeys.delivery(request), delivery, signal);
  }

  /** Of a request that a listing shows as delivered. */
  async readListedDelivery(request: RequestName, signal?: AbortSignal): Promise<Delivery> {
    return await readListedJson(this.#store, objectKeys.delivery(request), delivery, signal);
  }

  /** `<row>.<part>` of every delivered request. */
  async deliveredNames(batch: string, signal?: AbortSignal): Promise<Set<string>> {
    const prefix = objectKeys.deliveries(batch);
    const names = new Set<string>();
    for await (const key of this.#own(prefix, DELIVERY_NAME, signal))
      names.add(key.slice(prefix.length, -'.json'.length));
    return names;
  }

  /** The last failure of every request that has one, by `<row>.<part>`. */
  async failures(batch: string, signal?: AbortSignal): Promise<Map<string, Failure>> {
    const last = new Map<string, Failure>();
    for await (const key of this.#own(objectKeys.failures(batch), ROUND_NAME, signal)) {
      const found = await readListedJson(this.#store, key, failure, signal);
      const member = `${found.row}.${found.part}`;
      if (found.round >= (last.get(member)?.round ?? 0)) last.set(member, found);
    }
    return last;
  }

  /**
   * Whether any intent of the batch was ever written: then money may have been spent on it. A listing that S3 promises,
   * of this prefix, whole and in order, would have to leave them out for a "no" to be wrong.
   */
  async hasIntents(batch: string, signal?: AbortSignal): Promise<boolean> {
    for await (const _ of this.#store.list(objectKeys.intents(batch), optional(signal))) return true;
    return false;
  }

  async writeEvent(batch: string, value: BatchEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.event(batch, value.at, id), value, signal);
  }

  /** In the order in which they were written. */
  async events(batch: string, signal?: AbortSignal): Promise<BatchEvent[]> {
    const found: BatchEvent[] = [];
    for await (const key of this.#own(objectKeys.events(batch), EVENT_NAME, signal))
      found.push(await readListedJson(this.#store, key, event, signal));
    return found;
  }

  async writeHouseEvent(value: HouseEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.houseEvent(value.at, id), value, signal);
  }

  /** The last thing that a person did to all submits. Rejects with a `MalformedError` where it is damaged. */
  async lastHouseEvent(signal?: AbortSignal): Promise<HouseEvent | undefined> {
    let key: string | undefined;
    const isOurs = (name: string) => EVENT_NAME(name) && !isTooLate(name, this.#clock());
    for await (const own of this.#own(objectKeys.houseEvents, isOurs, signal)) key = own;
    return key === undefined ? undefined : await readListedJson(this.#store, key, houseEvent, signal);
  }

  async writeLife(value: Life, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.life(value.life), value, signal);
  }

  /** The newest life of Redis that the store knows of, and that this machine's clock has not far ahead of it. */
  async newestLife(signal?: AbortSignal): Promise<string | undefined> {
    let last: string | undefined;
    const isOurs = (name: string) => isLife(name.slice(0, -'.json'.length), this.#clock());
    for await (const key of this.#own(objectKeys.lives, isOurs, signal))
      last = key.slice(objectKeys.lives.length, -'.json'.length);
    return last;
  }

  /** Written again and again, like a summary. */
  async writeMark(of: string, tick: number, signal?: AbortSignal): Promise<void> {
    await this.#store.put(objectKeys.mark(of), json({ tick }), {
      contentType: 'application/json',
      cacheControl: 'no-cache',
      ...optional(signal),
    });
  }

  async readMark(of: string, signal?: AbortSignal): Promise<number | undefined> {
    return (await this.#read(objectKeys.mark(of), mark, signal))?.tick;
  }

  /** What remains to be said of a batch that has ended; written again when it ends again. */
  async writeSummary(batch: string, value: unknown, signal?: AbortSignal): Promise<void> {
    await this.#store.put(objectKeys.summary(batch), json(value), {
      contentType: 'application/json',
      cacheControl: 'no-cache',
      ...optional(signal),
    });
  }

  async readSummary(batch: string, signal?: AbortSignal): Promise<unknown> {
    return await this.#read(objectKeys.summary(batch), z.unknown(), signal);
  }

  #ids(signal: AbortSignal | undefined): IdObjects {
    return {
      standing: async (key, value, schema) =>
        (await putOrReadJson(this.#store, key, { value, schema }, signal)).value,
      read: (key, schema) => this.#read(key, schema, signal),
    };
  }

  #own(prefix: string, isOurs: (name: string) => boolean, signal: AbortSignal | undefined) {
    return ownKeys(this.#store, { prefix, isOurs, odd: this.#odd }, signal);
  }

  async #once(key: string, value: unknown, signal: AbortSignal | undefined): Promise<boolean> {
    return await putJsonOnce(this.#store, key, value, signal);
  }

  async #read<T>(key: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    return await readJson(this.#store, key, schema, signal);
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
