import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { MalformedError } from './errors.ts';
import { closeRound, type IdObjects, outcomeOfRound, type RoundOutcome, takeId } from './journal-ids.ts';
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
} from './journal-objects.ts';
import { putJsonOnce, readJson } from './json-objects.ts';
import { JOURNAL, objectKeys, type RequestName } from './keys.ts';
import { ledgerKey, parseLedgerKey } from './ledger-key.ts';
import type { ObjectStore } from './object-store.ts';
import { PLAN_CHUNK_ROWS, type PlannedRequest, type PlanRow, readPlanChunk } from './plan-row.ts';
import { optional } from './time.ts';

/**
 * The durable memory of what may be spent and what was: everything under `_shotlist/`, all of it create-once but the
 * summary. Keys carry what a rebuild needs, so that listing is enough. When the store is away no intent can be
 * written, and so no money is spent.
 */

export interface JournalDeps {
  readonly store: ObjectStore;
  /** Plan chunks kept in memory; one holds `PLAN_CHUNK_ROWS` rows. */
  readonly cachedChunks?: number;
}

export class Journal {
  readonly #store: ObjectStore;
  readonly #chunks: LRUCache<string, PlanRow[]>;

  constructor({ store, cachedChunks = 8 }: JournalDeps) {
    this.#store = store;
    this.#chunks = new LRUCache({ max: cachedChunks });
  }

  /** `exists` with the head that stands there. */
  async writeHead(value: Head, signal?: AbortSignal): Promise<{ wrote: boolean; head: Head }> {
    const wrote = await this.#once(objectKeys.head(value.batch), value, signal);
    if (wrote) return { wrote, head: value };
    const standing = await this.readHead(value.batch, signal);
    if (standing === undefined)
      throw new MalformedError(`The head of batch ${value.batch} vanished from the store.`);
    return { wrote, head: standing };
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
    return await this.readChunk(batch, chunk, signal);
  }

  /** Throws a MalformedError when the chunk is missing or damaged. */
  async readChunk(batch: string, chunk: number, signal?: AbortSignal): Promise<PlanRow[]> {
    const key = objectKeys.planChunk(batch, chunk);
    const cached = this.#chunks.get(key);
    if (cached !== undefined) return cached;
    const object = await this.#store.get(key, signal);
    if (object === undefined)
      throw new MalformedError(`The plan of batch ${batch} lacks ${key} in the store.`);
    const rows = readPlanChunk(object.body);
    this.#chunks.set(key, rows);
    return rows;
  }

  /** The plan's words on one request. */
  async planned(
    { batch, row, part }: RequestName,
    signal?: AbortSignal,
  ): Promise<{ row: PlanRow; request: PlannedRequest }> {
    const rows = await this.readChunk(batch, Math.floor(row / PLAN_CHUNK_ROWS), signal);
    const planRow = rows[row % PLAN_CHUNK_ROWS];
    const request = planRow?.requests.find((one) => one.part === part);
    if (planRow === undefined || planRow.row !== row || request === undefined) {
      throw new MalformedError(`The plan of batch ${batch} has no request ${row}.${part}.`);
    }
    return { row: planRow, request };
  }

  /** `ours` also when the answer to our own write was lost and it stands there. */
  async writeIntent(value: Intent, signal?: AbortSignal): Promise<'ours' | 'theirs'> {
    const key = objectKeys.intent(value, value.round);
    if (await this.#once(key, value, signal)) return 'ours';
    const standing = await this.#read(key, intent, signal);
    return standing?.nonce === value.nonce ? 'ours' : 'theirs';
  }

  async readIntent(request: RequestName, round: number, signal?: AbortSignal): Promise<Intent | undefined> {
    return await this.#read(objectKeys.intent(request, round), intent, signal);
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

  /** The round's own object of that number; who has the id that it names is the id's own object's word. */
  async readRoundHas(
    request: RequestName,
    round: number,
    nth: number,
    signal?: AbortSignal,
  ): Promise<RoundHas | undefined> {
    return await this.#read(objectKeys.roundHas(request, round, nth), roundHas, signal);
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

  async readId(requestId: string, signal?: AbortSignal): Promise<IdTaken | undefined> {
    return await this.#read(objectKeys.id(requestId), idTaken, signal);
  }

  /** Resolves to the result that stands: the first one written decides the cost. */
  async writeResult(value: Result, signal?: AbortSignal): Promise<Result> {
    const key = objectKeys.result(value.requestId);
    if (await this.#once(key, value, signal)) return value;
    return (await this.#read(key, result, signal)) ?? value;
  }

  async readResult(requestId: string, signal?: AbortSignal): Promise<Result | undefined> {
    return await this.#read(objectKeys.result(requestId), result, signal);
  }

  /** Every part of the key comes from the stored result, so a request id can only ever have one. */
  async writeLedger(entry: LedgerEntry, day: string, signal?: AbortSignal): Promise<void> {
    await this.#once(ledgerKey(entry, day), entry, signal);
  }

  /** Newest day last. `from` and `to` are days, both included. */
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

  async readLedger(key: string, signal?: AbortSignal): Promise<LedgerEntry | undefined> {
    return await this.#read(key, ledgerEntry, signal);
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

  /** `<row>.<part>` of every delivered request. */
  async deliveredNames(batch: string, signal?: AbortSignal): Promise<Set<string>> {
    const prefix = objectKeys.deliveries(batch);
    const names = new Set<string>();
    for await (const { key } of this.#store.list(prefix, optional(signal))) {
      names.add(key.slice(prefix.length, -'.json'.length));
    }
    return names;
  }

  /** The last failure of every request that has one, by `<row>.<part>`. */
  async failures(batch: string, signal?: AbortSignal): Promise<Map<string, Failure>> {
    const last = new Map<string, Failure>();
    for await (const { key } of this.#store.list(objectKeys.failures(batch), optional(signal))) {
      const found = await this.#read(key, failure, signal);
      if (found === undefined) continue;
      const member = `${found.row}.${found.part}`;
      if (found.round >= (last.get(member)?.round ?? 0)) last.set(member, found);
    }
    return last;
  }

  /** Whether any intent of the batch was ever written: then money may have been spent on it. */
  async hasIntents(batch: string, signal?: AbortSignal): Promise<boolean> {
    for await (const _ of this.#store.list(objectKeys.intents(batch), optional(signal))) return true;
    return false;
  }

  async writeEvent(batch: string, value: BatchEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.event(batch, value.at, id), value, signal);
  }

  /** In the order in which they were written. */
  async events(batch: string, signal?: AbortSignal): Promise<BatchEvent[]> {
    return await this.#readAll(objectKeys.events(batch), event, signal);
  }

  async writeHouseEvent(value: HouseEvent, id: string, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.houseEvent(value.at, id), value, signal);
  }

  /** The last thing that a person did to all submits. */
  async lastHouseEvent(signal?: AbortSignal): Promise<HouseEvent | undefined> {
    const key = await this.#lastKey(objectKeys.houseEvents, signal);
    return key === undefined ? undefined : await this.#read(key, houseEvent, signal);
  }

  async writeLife(value: Life, signal?: AbortSignal): Promise<void> {
    await this.#once(objectKeys.life(value.life), value, signal);
  }

  /** The newest life of Redis that the store knows of. */
  async newestLife(signal?: AbortSignal): Promise<string | undefined> {
    const key = await this.#lastKey(objectKeys.lives, signal);
    return key?.slice(objectKeys.lives.length, -'.json'.length);
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
      standing: async (key, value, schema) => {
        if (await this.#once(key, value, signal)) return value;
        return (await this.#read(key, schema, signal)) ?? value;
      },
      read: (key, schema) => this.#read(key, schema, signal),
    };
  }

  async #readAll<T>(prefix: string, schema: z.ZodType<T>, signal: AbortSignal | undefined): Promise<T[]> {
    const found: T[] = [];
    for await (const { key } of this.#store.list(prefix, optional(signal))) {
      const one = await this.#read(key, schema, signal);
      if (one !== undefined) found.push(one);
    }
    return found;
  }

  async #lastKey(prefix: string, signal: AbortSignal | undefined): Promise<string | undefined> {
    let last: string | undefined;
    for await (const { key } of this.#store.list(prefix, optional(signal))) last = key;
    return last;
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
