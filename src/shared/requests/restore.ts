import { randomBytes } from 'node:crypto';
import { UserError } from '../base/errors.ts';
import type { MicroUsd } from '../base/money.ts';
import type { FailingHold, Head } from '../journal/objects.ts';
import type { Redis } from '../redis/redis.ts';
import type { BatchView, Proof, Stop, Word } from './batches.ts';
import { CLAIM, DETACH, PUT, RELEASE, RESTORE, SPENT, WIPE } from './restore-scripts.ts';
import { isAtRest, type State } from './states.ts';

/** A record as a rebuild knows it; the fields are those of `RequestRecord`. */
export interface RestoredRecord {
  /** `<row>.<part>` */
  readonly member: string;
  readonly state: State;
  readonly round: number;
  /** Of a request in doubt: the first round that it may be planned in again (`nextRound`). */
  readonly nextRound?: number;
  readonly requestId?: string;
  readonly booked?: MicroUsd;
  readonly intentAtMs?: number;
  readonly reservation?: { readonly price: MicroUsd; readonly day: string };
  /** Every request in doubt keeps its claim beside the others': the image is free when the last lets go. */
  readonly claim?: { readonly shotKey: string; readonly indices: readonly number[] };
  /** The input whose POST is unresolved. */
  readonly rivalHash?: string;
  /** Held for a person's word on the batch's proof. */
  readonly waitsForProof?: true;
}

export interface RestoreDeps {
  readonly redis: Redis;
  readonly prefix: string;
  readonly ttlH: number;
}

/** As the counters of `TRANSITION` do. */
const KEPT_S = 400 * 86_400;

const QUEUES_WIPED = ['generate', 'collect', 'render', 'endings'] as const;
/** Where BullMQ keeps the ids of jobs that are not over, and what wakes workers for them. */
const LISTS = ['wait', 'active', 'paused', 'prioritized', 'delayed', 'stalled', 'marker', 'pc'] as const;
const KEPT_KEYS = [':stop', ':rebuild', ':generate:meta', ':collect:meta', ':render:meta'] as const;

/**
 * Writes batches and their records into Redis wholesale: for one rebuild. `claim` begins it and `release` ends it; in
 * between each step rejects with a `UserError` (`superseded`), and changes nothing, once another rebuild of the same has
 * begun: a process that was frozen would write what was true before over what has been paid for since.
 */
export class Restore {
  readonly #deps: RestoreDeps;
  #mine: { readonly scope: string; readonly token: string } | undefined;

  constructor(deps: RestoreDeps) {
    this.#deps = deps;
  }

  /** Of one batch, or of everything. All submits are stopped from here on. */
  async claim(batch: string | undefined, stop: Stop): Promise<void> {
    const scope = batch === undefined ? '*' : `batch:${batch}`;
    this.#mine = { scope, token: randomBytes(9).toString('base64url') };
    await this.#step(CLAIM, { stop });
  }

  /** Its end; the stop that is to stand now, if any. */
  async release(stop: Stop | undefined): Promise<void> {
    await this.#step(RELEASE, { stop });
  }

  /**
   * Forgets everything but the stop, the rebuild itself, and how fast the queues may be worked. Workers go on meanwhile: a
   * job that one of them adds stays whole.
   */
  async wipe(): Promise<void> {
    const { redis, prefix } = this.#deps;
    const lists = QUEUES_WIPED.flatMap((queue) => LISTS.map((list) => `:${queue}:${list}`));
    await this.#wipe(lists.map((list) => prefix + list));
    const kept = new Set([...lists, ...KEPT_KEYS]);
    const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:*`;
    let cursor = '0';
    do {
      const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
      cursor = next;
      await this.#wipe(found.filter((key) => !kept.has(key.slice(prefix.length))));
    } while (cursor !== '0');
  }

  /** Forgets one batch; the counters of days and months keep what it spent. */
  async wipeBatch(batch: string): Promise<void> {
    const { redis, prefix } = this.#deps;
    const open = `${prefix}:open:${batch}`;
    for (;;) {
      const members = await redis.srandmember(open, 500);
      if (members.length === 0) break;
      await this.#step(DETACH, { batch, members });
    }
    const of = ['batch', 'money:batch', 'alike'].map((kind) => `${prefix}:${kind}:${batch}`);
    await this.#wipe([...of, open]);
  }

  /** What was spent by scope (`day:2026-11-24`), where there is no counter yet. */
  async spent(scopes: ReadonlyMap<string, MicroUsd>): Promise<void> {
    const texts = [...scopes].map(([scope, spent]) => [scope, String(spent)]);
    await this.#step(SPENT, { scopes: Object.fromEntries(texts), keptS: KEPT_S });
  }

  /** The batch itself, without counts; they come with the records. */
  async batch(
    head: Head,
    {
      word,
      cap,
      hold,
      proof,
      spent,
      images,
    }: {
      word: Word;
      hold: { readonly at: number; readonly failing: FailingHold } | undefined;
      cap: MicroUsd | undefined;
      proof: Proof | undefined;
      spent: MicroUsd;
      images: number;
    },
  ): Promise<void> {
    const { batch } = head;
    const at = Date.parse(head.createdAt);
    const fields = {
      digest: head.digest,
      word,
      priority: head.priority,
      ...(cap === undefined ? {} : { cap }),
      ...(hold === undefined ? {} : holdFields(hold)),
      ...(proof === undefined ? {} : { proof }),
      shots: head.shots,
      images0: head.images,
      reused: head.reusedImages,
      requests: head.requests,
      min: head.minMicroUsd,
      max: head.maxMicroUsd,
      naive: head.naiveMicroUsd,
      cheapest: head.cheapestMicroUsd,
      endpoints: head.endpoints.join(' '),
      at,
      images,
    };
    await this.#step(PUT, {
      fresh: true,
      hashes: { [`:batch:${batch}`]: texts(fields), [`:money:batch:${batch}`]: texts({ s: spent }) },
      listed: { batch, at: String(at) },
    });
  }

  /** The requests that the ledger has, and what they had been estimated at. */
  async booked(batch: string, { requests, estimate }: BatchView['booked']): Promise<void> {
    await this.#step(PUT, { hashes: { [`:batch:${batch}`]: texts({ bn: requests, be: estimate }) } });
  }

  /** `epoch`: above any that a run of before can hold. At most a plan chunk's worth of records a call. */
  async records(batch: string, epoch: number, records: readonly RestoredRecord[]): Promise<void> {
    if (records.length === 0) return;
    const items = records.map((record) => ({ ...record, rest: isAtRest(record.state) }));
    await this.#step(RESTORE, { batch, epoch, items, ttlS: this.#deps.ttlH * 3_600 });
  }

  /** From here on, workers take this Redis for the one that is in force. */
  async begin(life: string): Promise<void> {
    await this.#step(PUT, { hashes: { ':memory': { life } } });
  }

  async #wipe(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#step(WIPE, { keys, queues: QUEUES_WIPED });
  }

  async #step(script: string, given: object): Promise<void> {
    const { redis, prefix } = this.#deps;
    const answer = await redis.eval(script, 0, prefix, JSON.stringify({ ...given, mine: this.#mine }));
    if (answer === 1) return;
    throw new UserError(
      'superseded',
      'Another rebuild has begun since, or Redis was emptied once more, so this one has stopped; look at shotlist status, and run shotlist rebuild again if it asks for it.',
    );
  }
}

/** As the step that held it left them; that it is held was told. */
function holdFields({ at, failing: { failures, ...example } }: { at: number; failing: FailingHold }) {
  return { 'held.at': at, 'held.noted': '1', failing: JSON.stringify(example), 'failing.n': failures };
}

/** Numbers would lose their last digits in Lua's own notation. */
function texts(fields: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, String(value)]));
}
