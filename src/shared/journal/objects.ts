import { z } from 'zod';
import type { MicroUsd } from '../base/money.ts';
import { deliveredImage } from '../pictures/formats.ts';

/** The shapes of what the journal holds; each is parsed again when it is read. */

const microUsd = z.int().min(0);
const name = { batch: z.string(), row: z.int().min(0), part: z.int().min(0) };

/** What a batch is. Written before anything else of it; a different digest under the same id is refused. */
export const head = z.object({
  batch: z.string(),
  digest: z.string(),
  listName: z.string(),
  createdAt: z.string(),
  simulated: z.boolean(),
  chunks: z.int().min(1),
  /** The first row of each chunk, where not all but the last have `PLAN_CHUNK_ROWS` rows. */
  chunkStarts: z.array(z.int().min(0)).readonly().optional(),
  priority: z.int(),
  cap: microUsd.optional(),
  /** Where the webhook of its end goes. */
  onDone: z.string().optional(),
  shots: z.int(),
  images: z.int(),
  reusedImages: z.int(),
  requests: z.int(),
  minMicroUsd: microUsd,
  maxMicroUsd: microUsd,
  naiveMicroUsd: microUsd,
  cheapestMicroUsd: microUsd,
  /** Those that its requests are sent to. */
  endpoints: z.array(z.string()).readonly(),
  // The rows that run first, where the others wait for a person's word on them.
  proof: z.object({ rows: z.array(z.int().min(0)).min(1) }).optional(),
  /** The batch whose pictures this one makes anew. */
  redoOf: z.string().optional(),
  /** So often at most a picture that fails a check is made anew, in batches of their own. */
  regenerate: z.int().min(1).max(5).optional(),
  /** Of such a batch: the how manieth time this is, from 1. */
  round: z.int().min(1).optional(),
  /** The batch whose stored pictures this one renders anew. */
  renderOf: z.string().optional(),
});
export type Head = z.infer<typeof head>;

/** "I am about to submit this." */
export const intent = z.object({
  ...name,
  round: z.int(),
  /** Tells our own write from somebody else's. */
  nonce: z.string(),
  at: z.int(),
  reserved: microUsd,
  day: z.string(),
  /** Which variants are asked for: those of the plan that were not made by then. */
  indices: z.array(z.int().min(0)).min(1),
  /** The mark of the key that POSTs it: the history of another key does not show it. */
  key: z.string().optional(),
});
export type Intent = z.infer<typeof intent>;

/** What a round of a request came to: an id of fal's, or the certainty that it never has one. */
export const roundHas = z.object({
  ...name,
  round: z.int(),
  at: z.int(),
  /** undefined: it is closed, as where fal refused it. */
  requestId: z.string().optional(),
  /**
   * By fal's own answer to the POST an id is certain to be of it, and by a user's decision it counts as such. What was
   * found (as everything without a word on it) may be the POST of another request with the same input.
   */
  how: z.enum(['answered', 'found', 'decided']).optional(),
});
export type RoundHas = z.infer<typeof roundHas>;

/** Whose request fal's id is. */
export const idTaken = roundHas.extend({ requestId: z.string() });
export type IdTaken = z.infer<typeof idTaken>;

/** Whether it is known whose POST the id belongs to, whatever its input looks like. */
export function isExplained({ how }: Pick<IdTaken, 'how'>): boolean {
  return how === 'answered' || how === 'decided';
}

export const COST_SOURCES = ['billing-event', 'billable-units', 'price-rule', 'assumed'] as const;

/** What fal answered, and what it costs: decided once, by whoever writes it first. */
export const result = z.object({
  ...name,
  round: z.int(),
  requestId: z.string(),
  at: z.int(),
  day: z.string(),
  cost: microUsd,
  source: z.enum(COST_SOURCES),
  units: z.number().optional(),
  /** One a picture, in the order of the answer. No `url` where it was signed: fal's answer is read again then. */
  images: z.array(z.object({ url: z.string().optional(), fileName: z.string().optional() })),
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type Result = z.infer<typeof result>;

/** The failure's code of a result whose run failed or never started, unbilled, so that a new one may be made. */
export const UNBILLED = 'unbilled';

/** That of a result whose pictures fal no longer shows. They may have been made, and paid for. */
export const RESULT_EXPIRED = 'result_expired';

/** That of a result that is longer than is read. Its pictures may have been made, and paid for. */
export const ANSWER_TOO_LARGE = 'answer_too_large';

/** Whether a result with this failure says nothing of its pictures, though they may have been paid for. */
export const isSilentOnPictures = (code: string | undefined): boolean =>
  code === RESULT_EXPIRED || code === ANSWER_TOO_LARGE;

/** What one request cost. */
export const ledgerEntry = z.object({
  ...name,
  ts: z.string(),
  shot: z.string(),
  requestId: z.string(),
  model: z.string(),
  quality: z.string(),
  imageSize: z.string(),
  numImages: z.int(),
  costMicroUsd: microUsd,
  source: z.enum(COST_SOURCES),
  /** Why it was made anew, where no person asked for that. */
  why: z.string().optional(),
  simulated: z.boolean().optional(),
});
export type LedgerEntry = z.infer<typeof ledgerEntry>;

export const failure = z.object({
  ...name,
  round: z.int(),
  at: z.int(),
  code: z.string(),
  message: z.string(),
});
export type Failure = z.infer<typeof failure>;

export const delivery = z.object({
  ...name,
  at: z.int(),
  costMicroUsd: microUsd,
  images: z.array(deliveredImage),
});
export type Delivery = z.infer<typeof delivery>;

const ofRound = { row: name.row, part: name.part, round: z.int() };

/** What held the batch: the code, how many in a row, and the one that came last. */
export const failingHold = z.object({
  code: z.string(),
  failures: z.int().min(1),
  request: z.string(),
  shot: z.string(),
  message: z.string(),
});
export type FailingHold = z.infer<typeof failingHold>;

/** An operation that changes what may be spent, written before Redis acts on it. */
export const event = z.discriminatedUnion('kind', [
  // `handedOn`: so much of it went to the batch that makes failed pictures again.
  z.object({ kind: z.literal('cap'), at: z.int(), cap: microUsd, handedOn: microUsd.optional() }),
  z.object({ kind: z.literal('pause'), at: z.int() }),
  z.object({ kind: z.literal('resume'), at: z.int() }),
  // Its requests failed together.
  z.object({ kind: z.literal('hold'), at: z.int(), failing: failingHold }),
  z.object({ kind: z.literal('cancel'), at: z.int() }),
  // The proof is good: what waits for it may be made.
  z.object({ kind: z.literal('approve'), at: z.int() }),
  // Which failures are to be tried again, each as `<row>.<part>-<round>`.
  z.object({ kind: z.literal('retry'), at: z.int(), failed: z.array(z.string()) }),
  // What a person knows of a submit whose answer was lost: fal's id, or that it never arrived.
  z.object({ kind: z.literal('adopt'), at: z.int(), ...ofRound, requestId: z.string() }),
  z.object({ kind: z.literal('absent'), at: z.int(), ...ofRound }),
]);
export type BatchEvent = z.infer<typeof event>;

/** What a person did to all submits of all batches. */
export const houseEvent = z.object({ kind: z.enum(['pause', 'resume']), at: z.int() });
export type HouseEvent = z.infer<typeof houseEvent>;

/** One life of the Redis that works on this store. */
export const life = z.object({ life: z.string(), at: z.int(), by: z.enum(['start', 'rebuild']) });
export type Life = z.infer<typeof life>;

export const mark = z.object({ tick: z.int() });

/** What `listLedger` knows without reading an entry. */
export interface LedgerKey {
  readonly key: string;
  readonly day: string;
  readonly batchSegment: string;
  readonly costMicroUsd: MicroUsd;
  readonly numImages: number;
}

/** And whose it is, which a rebuild asks for. */
export interface LedgerTrace extends LedgerKey {
  /** `<row>.<part>` */
  readonly member: string;
  /** fal's id as it stands in keys. */
  readonly idSegment: string;
  /** By the store's clock, ms since 1970. */
  readonly writtenAtMs: number;
}
