import type { FailingHold } from '../journal/objects.ts';
import type { State } from './states.ts';

/**
 * Failing together: failures of a batch that follow each other with one code are most likely no row's own fault. Each
 * batch has two counters, of pictures that are not made and of pictures that are not rendered. They change only inside the
 * record's own step, so that any number of workers counts as one; the step that comes to the limit holds the batch.
 *
 * A refusal comes sooner than a picture: while the first pictures are made, those of a list of which fal refuses one in
 * three may come to the limit alone. So a good one that was in flight then lifts the hold by itself.
 */
export type Counter = 'made' | 'rendered';

/** Which counter a final failure counts on, by the state that it leaves. */
export const COUNTED_ON = {
  planned: 'made',
  submitting: 'made',
  submitted: 'made',
  generated: 'rendered',
  rendering: 'rendered',
} as const satisfies Partial<Record<State, Counter>>;

/** The steps that end a row of failures: fal made a picture, or all renditions of one are stored. */
export const ENDS_ROW = { store: 'made', deliver: 'rendered' } as const satisfies Record<string, Counter>;

/** A failure as it is counted. */
export interface CountedFailure {
  readonly code: string;
  readonly shot: string;
  /** Why, for the user. */
  readonly message: string;
}

/**
 * The states out of which a failure with this code counts. `madeAgain`: the batch has such failures made again by itself,
 * so they are what it expects.
 */
export function countedOn(code: string, failures: 'final' | 'made again'): Partial<Record<State, Counter>> {
  if (failures === 'made again') return {};
  // A picture that another batch has paid for and that cannot be fetched: fal was not asked for it here.
  if (code === 'media_unreachable' || code === 'media_refused') return { submitted: COUNTED_ON.submitted };
  return COUNTED_ON;
}

/** Of a sentence, for a field of Redis and a line of a terminal. */
const LONGEST = 300;

export function exampleOf(request: string, { code, shot, message }: CountedFailure): string {
  const short = message.length > LONGEST ? `${message.slice(0, LONGEST - 1)}…` : message;
  const example: Omit<FailingHold, 'failures'> = { code, request, shot, message: short };
  return JSON.stringify(example);
}

/**
 * The Lua of it, for `TRANSITION`; fields of the batch: `<counter>.code`, `<counter>.n` and `<counter>.good`, and while it
 * is held `held.at`, `held.noted`, `failing` (an example), `failing.n` and `failing.by` (the counter).
 */
export const FAILING = `
local function holdBatch()
  redis.call('HSET', bat, 'word', 'held', 'held.at', int(a.at))
  redis.call('HDEL', bat, 'held.noted', 'failing', 'failing.n', 'failing.by')
  leaveBehind(a.batch, 'j' .. a.op)
end

-- Requests that would be sent if nothing held them; of a list that is still being queued, also those to come.
local function waitingCount()
  local fields = redis.call('HMGET', bat, 'c.planned', 'requests', 'c.submitting', 'c.submitted', 'c.generated', 'c.rendering', 'c.delivered', 'c.failed', 'c.held', 'c.unknown', 'c.cancelled')
  local planned, toCome = num(fields[1]), num(fields[2])
  toCome = toCome - planned
  for i = 3, #fields do toCome = toCome - num(fields[i]) end
  return planned + math.max(0, toCome)
end

-- Answers when the batch was held, where it goes on by this.
local function endRow(counter)
  redis.call('HSET', bat, counter .. '.good', '1')
  redis.call('HDEL', bat, counter .. '.code', counter .. '.n')
  if redis.call('HGET', bat, 'word') ~= 'held' or redis.call('HGET', bat, 'failing.by') ~= counter then return nil end
  local heldAt = num(redis.call('HGET', bat, 'held.at'))
  redis.call('HSET', bat, 'word', 'running')
  redis.call('HDEL', bat, 'held.at', 'held.noted', 'failing', 'failing.n', 'failing.by')
  leaveBehind(a.batch, 'j' .. a.op)
  return heldAt
end

-- Answers whether the batch is held by this failure.
local function countFailure(counter, code, limit, example)
  local field = counter .. '.n'
  local n = 1
  if redis.call('HGET', bat, counter .. '.code') == code then n = redis.call('HINCRBY', bat, field, 1)
  else redis.call('HSET', bat, counter .. '.code', code, field, '1') end
  if redis.call('HEXISTS', bat, counter .. '.good') == 1 then limit = limit * 4 end
  if limit == 0 or n < limit or redis.call('HGET', bat, 'word') ~= 'running' or waitingCount() <= limit then return false end
  holdBatch()
  redis.call('HSET', bat, 'failing', example, 'failing.n', int(n), 'failing.by', counter)
  return true
end
`;

/** What a resume forgets: it holds again after as many more. */
export const FORGET_FAILURES = `
redis.call('HDEL', bat, 'made.code', 'made.n', 'rendered.code', 'rendered.n')
`;

/** Why the batch is held, and since when: of every mode but `held`. */
export const FORGET_HOLD = `
redis.call('HDEL', bat, 'held.at', 'held.noted', 'failing', 'failing.n', 'failing.by')
`;
