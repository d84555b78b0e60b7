import { z } from 'zod';
import { MalformedError } from '../base/errors.ts';
import type { MicroUsd } from '../base/money.ts';
import { parseRequestKey, type RequestName } from '../store/keys.ts';
import { STATES, type State } from './states.ts';
import { parseUndecided, type Undecided } from './undecided.ts';

/** What is known of one request. Absent fields are undefined; numbers are integers. */
export interface RequestRecord {
  readonly request: string;
  readonly name: RequestName;
  readonly state: State;
  readonly epoch: number;
  readonly round: number;
  /** Micro-dollars reserved and not yet booked or released. */
  readonly reserved: MicroUsd | undefined;
  /** fal's id, once known. */
  readonly requestId: string | undefined;
  /** When the intent was written, ms since 1970: what an unknown submit is searched from. */
  readonly intentAtMs: number | undefined;
  /** Runs that failed and used an attempt. */
  readonly attempts: number;
  /** Render children that started on it. */
  readonly renderStarts: number;
  /** Booked cost. */
  readonly booked: MicroUsd | undefined;
  readonly failure: string | undefined;
  /** How far the cancelling of its request at fal has come. */
  readonly withdrawal: Withdrawal | undefined;
  /**
   * While `unknown`, ms since 1970: when it is found out about at the latest, where another request with the same input
   * found an entry of fal's list that may be this one's. A person is told so; nothing is decided by it.
   */
  readonly provenAtMs: number | undefined;
  /** While `unknown` and past its time: why fal's list does not decide it. A user is told so; nothing is decided by it. */
  readonly undecided: Undecided | undefined;
  /** While `held`: it waits for a person's word on the batch's proof, and not for room on a cap. */
  readonly waitsForProof: boolean;
}

/** `asked` (ms since 1970): the call may be under way. `queued`: fal said that it took it out of its queue. */
export type Withdrawal = { readonly kind: 'asked'; readonly atMs: number } | { readonly kind: 'queued' };

/** Throws a MalformedError where the text is no request key. */
export function nameOf(request: string): RequestName {
  const name = parseRequestKey(request);
  if (name === undefined) throw new MalformedError(`not a request key: ${JSON.stringify(request)}`);
  return name;
}

const integer = z.coerce.number().int();

const storedRecord = z.object({
  s: z.enum(STATES),
  e: integer,
  n: integer,
  m: integer.optional(),
  id: z.string().optional(),
  at: integer.optional(),
  a: integer.default(0),
  k: integer.default(0),
  b: integer.optional(),
  x: z.string().optional(),
  wd: z.union([z.literal('queued'), integer]).optional(),
  p: z.literal('1').optional(),
  pt: integer.optional(),
  nc: z.string().optional(),
});

/** Throws a MalformedError when what stands in Redis is no record of ours. */
export function parseRecord(request: string, fields: Record<string, string>): RequestRecord | undefined {
  if (Object.keys(fields).length === 0) return undefined;
  const parsed = storedRecord.safeParse(fields);
  if (!parsed.success)
    throw new MalformedError(`The record of ${request} in Redis is damaged.`, { cause: parsed.error });
  const { s, e, n, m, id, at, a, k, b, x, wd, p, pt, nc } = parsed.data;
  return {
    request,
    name: nameOf(request),
    state: s,
    epoch: e,
    round: n,
    reserved: m,
    requestId: id,
    intentAtMs: at,
    attempts: a,
    renderStarts: k,
    booked: b,
    failure: x,
    withdrawal:
      wd === undefined ? undefined : wd === 'queued' ? { kind: 'queued' } : { kind: 'asked', atMs: wd },
    provenAtMs: pt,
    undecided: nc === undefined ? undefined : parseUndecided(nc),
    waitsForProof: p === '1',
  };
}
