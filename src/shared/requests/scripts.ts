import { FORGET_FAILURES, FORGET_HOLD } from './failing.ts';
import { COMMON } from './transition-script.ts';

/** The other scripts of the records; the keys are told in `transition-script.ts`. */

/**
 * Cancels those of the members that wait (`a.from`), in a batch whose word says so, and answers which. Whoever gives
 * jobs finds nothing to do for them from here on.
 */
export const CANCEL = `${COMMON}
local bat = P .. ':batch:' .. a.batch
local out = { cancelled = {}, ended = false }
if redis.call('HGET', bat, 'word') == 'cancelled' then
  for _, member in ipairs(a.members) do
    local request = a.batch .. '.' .. member
    local rec = P .. ':rec:' .. request
    local fields = redis.call('HMGET', rec, 's', 'n', 'w')
    for _, from in ipairs(a.from) do
      if fields[1] == from then
        redis.call('HINCRBY', bat, 'c.' .. from, -1)
        redis.call('HINCRBY', bat, 'c.cancelled', 1)
        redis.call('HSET', rec, 's', 'cancelled')
        if fields[3] then
          redis.call('SREM', P .. ':wait:' .. fields[3], request)
          redis.call('HDEL', rec, 'w')
        end
        redis.call('SREM', P .. ':open:' .. a.batch, member)
        redis.call('EXPIRE', rec, a.ttlS)
        out.cancelled[#out.cancelled + 1] = { request = request, round = num(fields[2]) }
      end
    end
  end
  out.ended = finishIfEnded(a.batch)
end
if #out.cancelled == 0 then out.cancelled = nil end
return cjson.encode(out)
`;

/** Notes how far the cancelling of fal's request has come, while the record still waits for that very request. */
export const NOTE_WITHDRAWAL = `
local rec = ARGV[1] .. ':rec:' .. ARGV[2]
local fields = redis.call('HMGET', rec, 's', 'id', 'wd')
if fields[1] ~= 'submitted' or fields[2] ~= ARGV[3] or redis.call('HEXISTS', rec, 'b') == 1 then return 0 end
-- fal said that it took it out of its queue, which no later answer unsays.
if fields[3] == 'queued' then return 0 end
if ARGV[4] == '' then redis.call('HDEL', rec, 'wd') else redis.call('HSET', rec, 'wd', ARGV[4]) end
return 1
`;

/** Notes when an unknown request is found out about at the latest, for its run's epoch and round alone. */
export const NOTE_PROOF = `
local rec = ARGV[1] .. ':rec:' .. ARGV[2]
local fields = redis.call('HMGET', rec, 's', 'e', 'n')
if fields[1] ~= 'unknown' or fields[2] ~= ARGV[3] or fields[3] ~= ARGV[4] then return 0 end
redis.call('HSET', rec, 'pt', ARGV[5])
return 1
`;

/** Counts a look for paid pictures, for its run's epoch and round alone; answers since when, and how many looks. */
export const NOTE_LOOK = `
local rec = ARGV[1] .. ':rec:' .. ARGV[2]
local fields = redis.call('HMGET', rec, 's', 'e', 'n')
if fields[1] ~= 'submitted' or fields[2] ~= ARGV[3] or fields[3] ~= ARGV[4] then return {} end
redis.call('HSETNX', rec, 'mf', ARGV[5])
return { redis.call('HGET', rec, 'mf'), redis.call('HINCRBY', rec, 'mn', 1) }
`;

/**
 * Answers the record's fields. In the states that the asking queue works on (the further arguments) it raises the epoch
 * first, so that whoever held the record before is refused from here on. In others it does not: a job too many must not
 * take a record out of the hands that work on it.
 */
export const ACTIVATE = `
local rec = ARGV[1] .. ':rec:' .. ARGV[2]
local state = redis.call('HGET', rec, 's')
if not state then return {} end
for i = 3, #ARGV do if ARGV[i] == state then redis.call('HINCRBY', rec, 'e', 1) end end
return redis.call('HGETALL', rec)
`;

/**
 * Whether a record stands where the asking queue works on it (the further arguments). One that is not there counts too while
 * a rebuild of Redis is under way, which may be about to write it.
 */
export const NEEDS_HAND = `
local P, request, batch = ARGV[1], ARGV[2], ARGV[3]
local state = redis.call('HGET', P .. ':rec:' .. request, 's')
if not state then
  local rebuild = P .. ':rebuild'
  return math.max(redis.call('HEXISTS', rebuild, '*'), redis.call('HEXISTS', rebuild, 'batch:' .. batch))
end
for i = 4, #ARGV do if ARGV[i] == state then return 1 end end
return 0
`;

/**
 * Creates the records of a chunk where there are none, in the state that `a.items` gives each. Answers those
 * that stand otherwise (held for a proof, or there before) with their state and round, so that the caller can give each
 * its job. Refuses (`absent`) when the batch is not there. Two calls a record: this is half of what a list costs Redis.
 */
export const CREATE = `${COMMON}
local bat = P .. ':batch:' .. a.batch
if redis.call('HEXISTS', bat, 'digest') == 0 then return cjson.encode({ code = 'absent' }) end
-- A rebuild reads the plan as it stands in the store, and would count what is made here a second time.
if redis.call('HEXISTS', P .. ':rebuild', '*') == 1 or redis.call('HEXISTS', P .. ':rebuild', 'batch:' .. a.batch) == 1 then
  return cjson.encode({ code = 'absent' })
end
local others, open, counts = {}, {}, {}
-- Looked at in this same step: a person's word may come while the list is still being queued.
local proof = redis.call('HGET', bat, 'proof') == 'open'
for i, item in ipairs(a.items) do
  local rec = P .. ':rec:' .. a.batch .. '.' .. item[1]
  local state = redis.call('HGET', rec, 's')
  local round = 0
  if state then
    round = num(redis.call('HGET', rec, 'n'))
  else
    state = item[2]
    if item[3] and proof then
      state = 'held'
      redis.call('HSET', rec, 's', state, 'e', 0, 'n', 0, 'p', '1')
    else
      redis.call('HSET', rec, 's', state, 'e', 0, 'n', 0)
    end
    open[#open + 1] = item[1]
    counts[state] = (counts[state] or 0) + 1
  end
  if state ~= item[2] or round ~= 0 then others[#others + 1] = { i, state, round } end
end
for from = 1, #open, 1000 do
  redis.call('SADD', P .. ':open:' .. a.batch, unpack(open, from, math.min(from + 999, #open)))
end
for state, count in pairs(counts) do redis.call('HINCRBY', bat, 'c.' .. state, count) end
if #others == 0 then others = nil end
return cjson.encode({ code = 'ok', others = others })
`;

/** Marks the enqueue as complete; from then on an empty open set means that the batch has ended. */
export const COMPLETE = `${COMMON}
local bat = P .. ':batch:' .. a.batch
-- Lost in this moment: a rebuild says by itself whether all of it is there.
if redis.call('HEXISTS', bat, 'digest') == 0 then return 0 end
redis.call('HSET', bat, 'enq', '1')
-- Paused or cancelled while it was enqueued: jobs were added behind those that were cleared.
if redis.call('HGET', bat, 'word') ~= 'running' then leaveBehind(a.batch, 'j' .. a.token) end
return finishIfEnded(a.batch) and 1 or 0
`;

/** The record of a request that has failed, where Redis has forgotten it by now: its counters still hold it. */
export const RECALL = `
local bat, rec = ARGV[1] .. ':batch:' .. ARGV[2], ARGV[1] .. ':rec:' .. ARGV[3]
if redis.call('EXISTS', bat) == 0 or redis.call('EXISTS', rec) == 1 then return 0 end
redis.call('HSET', rec, 's', 'failed', 'e', 0, 'n', ARGV[4])
redis.call('EXPIRE', rec, ARGV[5])
return 1
`;

/** Only of a batch that is at its end still: a person may have wanted its failures tried again meanwhile. */
export const SUMMARIZED = `
local bat, money = ARGV[1] .. ':batch:' .. ARGV[2], ARGV[1] .. ':money:batch:' .. ARGV[2]
if redis.call('HEXISTS', bat, 'done') == 0 then return 0 end
redis.call('HSET', bat, 'sum', '1')
redis.call('EXPIRE', bat, ARGV[3])
redis.call('EXPIRE', money, ARGV[3])
redis.call('EXPIRE', ARGV[1] .. ':alike:' .. ARGV[2], ARGV[3])
return 1
`;

/** Lifts the stop of all submits, but not one of the codes that follow: a rebuild may begin in the same moment. */
export const UNSTOP = `
local stop = ARGV[1] .. ':stop'
local code = redis.call('HGET', stop, 'code')
for i = 2, #ARGV do if ARGV[i] == code then return 0 end end
redis.call('DEL', stop)
return 1
`;

/** Looked at and set in one step: a resume that races a cancel must not let the batch spend again. */
export const SET_WORD = `${COMMON}
local bat = P .. ':batch:' .. a.batch
local word = redis.call('HGET', bat, 'word')
if not word or word == 'cancelled' then return 0 end
redis.call('HSET', bat, 'word', a.word)
${FORGET_HOLD}
if a.word == 'running' then
  redis.call('HDEL', bat, 'hs', 'hl')
  ${FORGET_FAILURES}
end
leaveBehind(a.batch, (a.word == 'running' and 'u' or 'j') .. a.token)
return 1
`;

/** The store, and whoever is to be told, know of the hold of that moment. */
export const HOLD_NOTED = `
local bat = ARGV[1] .. ':batch:' .. ARGV[2]
if redis.call('HGET', bat, 'held.at') ~= ARGV[3] then return 0 end
redis.call('HSET', bat, 'held.noted', '1')
return 1
`;

/** See `leaveBehind` in `transition-script.ts`. */
export const LEAVE_BEHIND = `${COMMON}
leaveBehind(a.batch, 'j' .. a.token)
return 1
`;

/** Only while it is the mark that was worked on: the word may have changed again since. */
export const CAUGHT_UP = `
local key = ARGV[1] .. ':behind'
local mark = redis.call('HGET', key, ARGV[2])
if mark and mark ~= ARGV[3] then return 0 end
redis.call('HDEL', key, ARGV[2])
return 1
`;

/**
 * A person's word on the proof; 1 where it was still open. What the batch waited for it is noted, so that its pace is not
 * measured over a night in which nothing was to be done.
 */
export const APPROVE = `${COMMON}
local bat = P .. ':batch:' .. a.batch
local fields = redis.call('HMGET', bat, 'proof', 'last', 'c.planned', 'c.submitting', 'c.submitted', 'c.generated', 'c.rendering')
if fields[1] ~= 'open' then return 0 end
local moving = 0
for i = 3, 7 do moving = moving + num(fields[i]) end
if moving == 0 and fields[2] then redis.call('HINCRBY', bat, 'idle', int(math.max(0, a.at - num(fields[2])))) end
redis.call('HSET', bat, 'proof', 'approved')
leaveBehind(a.batch, 'j' .. a.token)
return 1
`;

/** Checked and set in one step, or a reservation in between could stand above a lowered cap. */
export const SET_CAP = `${COMMON}
local money = P .. ':money:batch:' .. a.batch
if num(redis.call('HGET', money, 'r')) + num(redis.call('HGET', money, 's')) > a.cap then return 0 end
redis.call('HSET', P .. ':batch:' .. a.batch, 'cap', int(a.cap))
return 1
`;

/**
 * Which of these requests have no job that would take them on. `planned` ones that wait for a cap or a claim have none
 * on purpose, unless nothing is left that could wake them. Held requests are planned again first: those that waited for a
 * proof once it is approved, those whose endpoint is no longer stopped, those that a cap holds with `unhold`.
 */
export const JOBLESS = `${COMMON}
local out = {}
local bat = P .. ':batch:' .. a.batch
local word = redis.call('HGET', bat, 'word')
local running = word == 'running'
local approved = redis.call('HGET', bat, 'proof') ~= 'open' and word ~= 'cancelled'
local function has(queue, id) return redis.call('EXISTS', P .. ':' .. queue .. ':' .. id) == 1 end
for _, member in ipairs(a.members) do
  local request = a.batch .. '.' .. member
  local rec = P .. ':rec:' .. request
  local fields = redis.call('HMGET', rec, 's', 'n', 'w', 'p', 'he')
  local state, round, waits, byProof, byEndpoint = fields[1], num(fields[2]), fields[3], fields[4], fields[5]
  if not state then
    redis.call('SREM', P .. ':open:' .. a.batch, member)
  else
    local lifted = byEndpoint and word ~= 'cancelled' and redis.call('HEXISTS', P .. ':endpoint-stops', byEndpoint) == 0
    if state == 'held' and ((byProof and approved) or lifted or (a.unhold and not byProof and not byEndpoint)) then
      redis.call('HSET', rec, 's', 'planned')
      redis.call('HDEL', rec, 'p', 'he')
      redis.call('HINCRBY', bat, 'c.held', -1)
      redis.call('HINCRBY', bat, 'c.planned', 1)
      round = redis.call('HINCRBY', rec, 'n', 1)
      state = 'planned'
    end
    local id = request .. '-' .. int(round)
    local queue = false
    if state == 'planned' then
      local waiting = false
      if waits and not a.unhold and redis.call('SISMEMBER', P .. ':wait:' .. waits, request) == 1 then
        if string.sub(waits, 1, 6) == 'claim:' then
          waiting = redis.call('EXISTS', P .. ':claim:' .. string.sub(waits, 7)) == 1
        elseif string.sub(waits, 1, 9) == 'endpoint:' then
          local first = redis.call('HGET', P .. ':endpoint-first', string.sub(waits, 10))
          waiting = first and redis.call('HGET', P .. ':rec:' .. first, 's') == 'submitting'
        elseif string.sub(waits, 1, 5) == 'door:' then
          -- Somebody tries it, and gives the others jobs; of one that died in between the time is over.
          waiting = num(redis.call('HGET', P .. ':' .. waits, 'until')) > a.at
        else
          waiting = num(redis.call('HGET', P .. ':money:' .. waits, 'r')) > 0
        end
      end
      if running and not waiting and not has('generate', id) then queue = 'generate' end
    elseif state == 'submitting' then
      if not has('generate', id) then queue = 'generate' end
    elseif state == 'submitted' or state == 'unknown' then
      if not has('generate', id) and not has('collect', id) then queue = 'collect' end
    elseif state == 'generated' or state == 'rendering' then
      if not has('render', id) then queue = 'render' end
    end
    if queue then
      if waits then
        redis.call('SREM', P .. ':wait:' .. waits, request)
        redis.call('HDEL', rec, 'w')
      end
      out[#out + 1] = { request = request, round = round, queue = queue }
    end
  end
end
if #out == 0 then return '[]' end
return cjson.encode(out)
`;
