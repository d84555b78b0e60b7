import { LOSE_AT_DOOR } from './door-script.ts';
import { FAILING } from './failing.ts';

/**
 * The Lua of the records. Each script is one atomic step. They hold no rule of their own about states: the allowed
 * predecessors and the effect on money come in as arguments, from the pure table in `states.ts`.
 *
 * Keys, all under one hash-tagged prefix `P` so that they share a slot:
 *
 * | key | what |
 * |---|---|
 * | `P:rec:<request>` | a record: `s` state, `e` epoch, `n` round, `op` token of the last step; while reserved `m` (micro-dollars) and `d` (its day); while claiming `sk` (shot key) and `ix` (indices); `ih` the hash that its rivals share while its POST may be unresolved; `nc` why it stays unknown past its time; `w` what it waits for; `p` while it is held for a person's word on the proof; `he` while it is held since that endpoint is stopped; `ef` while it goes first at that endpoint; `nn` the first round that it may be planned in again, where a rebuild left it in an earlier one; and the fields a step sets (`wd`: how far its cancelling at fal has come; `pt`: when it is found out about at the latest, where that is another request's time; `mf` and `mn`: since when its paid pictures could not be had, and how often it looked) |
 * | `P:open:<batch>` | set of the batch's requests that are not at rest |
 * | `P:batch:<batch>` | word, totals, `c.<state>` counters, `cap`; the fields of `failing.ts`; `proof` (`open`, `approved`); `bn` and `be` how many requests are booked, and what was reserved for them; `last` when a request last came to rest, `idle` the time (ms) in which all waited for the proof |
 * | `P:money:<scope>` | `r` reserved, `s` spent; scopes `batch:<id>`, `day:<day>`, `month:<month>` |
 * | `P:claim:<shot key>` | image index → the request that may be paying for it; after a rebuild, all that may, with a space between |
 * | `P:wait:<scope>` | requests that wait for room on a cap, or for a claim (`claim:<shot key>`), or for fal's front door (`door:<endpoint>`) |
 * | `P:id:<fal's id>` | the request and round that has it, until no search for a lost answer can find it any more |
 * | `P:rivals:<hash>` | requests that fal's list may not tell apart and whose POST may be under way or unresolved, by the time of their intent |
 * | `P:door:<endpoint>` | answers to its POSTs lost in a row, and who tries it: see `doors.ts` |
 * | `P:undecided:<endpoint>` | unknown requests past their time that its list does not decide: see `undecided.ts` |
 * | `P:alike:<batch>` | what its pictures look like, as long as the batch is there: see `near-duplicates.ts` |
 * | `P:memory` | `life`, `tick` (steps of all), and for each worker the steps that it took: see `redis-memory.ts` |
 * | `P:behind` | batches whose jobs a worker has yet to bring in line with their word |
 * | `P:fair` | starts since a less urgent batch had one, and when that was: see `fairness.ts` |
 * | `P:rebuild` | the token of the rebuild under way, or of the last one that broke off: of everything (`*`) and of batches (`batch:<id>`) |
 * | `P:workers` | which workers are there, by role: see `attendance.ts` |
 * | `P:stop` | set while all submits are stopped: `code`, `reason` |
 * | `P:endpoint-stops` | endpoint → why its submits are stopped |
 * | `P:endpoint-locked` | endpoint → how many 423 in a row fal has answered to its submits |
 * | `P:endpoint-first` | endpoint → the request whose answer the others wait for, since its stop was lifted; empty: the next one |
 */

/** Takes a request off those that may be paying for an image; the last one frees it. For every script that lets go. */
export const UNCLAIM = `
local function unclaim(key, index, request)
  local left = {}
  for owner in string.gmatch(redis.call('HGET', key, index) or '', '%S+') do
    if owner ~= request then left[#left + 1] = owner end
  end
  if #left == 0 then redis.call('HDEL', key, index) else redis.call('HSET', key, index, table.concat(left, ' ')) end
end
`;

export const COMMON = `${UNCLAIM}
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
local function int(x) return string.format('%.0f', x) end
local function num(x) return tonumber(x or '0') or 0 end

-- Room may have come: hands the next few waiting requests to the caller, who gives them jobs. A round that is raised
-- but gets no job (the caller died) is found by the sweep.
local function wake(scope, most, woken)
  for _, request in ipairs(redis.call('SPOP', P .. ':wait:' .. scope, most)) do
    local key = P .. ':rec:' .. request
    if redis.call('HGET', key, 's') == 'planned' then
      redis.call('HDEL', key, 'w')
      local round = redis.call('HINCRBY', key, 'n', 1)
      woken[#woken + 1] = { request = request, round = round }
    end
  end
end

local function scopesOf(batch, day)
  return { 'batch:' .. batch, 'day:' .. day, 'month:' .. string.sub(day, 1, 7) }
end

-- The batch's jobs no longer agree with its word: a worker catches up with them, whatever the batch's size. j clears
-- or gives jobs; u plans held requests again first, and stays until that is done.
local function leaveBehind(batch, mark)
  local key = P .. ':behind'
  if string.sub(redis.call('HGET', key, batch) or '', 1, 1) == 'u' then mark = 'u' .. string.sub(mark, 2) end
  redis.call('HSET', key, batch, mark)
end

local function finishIfEnded(batch)
  local key = P .. ':batch:' .. batch
  if redis.call('SCARD', P .. ':open:' .. batch) == 0 and redis.call('HGET', key, 'enq') == '1' then
    if redis.call('HSETNX', key, 'done', a.at) == 1 then return true end
  end
  return false
end
`;

/**
 * One transition of one record. Answers a JSON object: `code` is `ok`, `absent`, `stale` (a later run took over),
 * `state` (not an allowed predecessor), `taken` (somebody has the id), `lost` (Redis forgot something), `stopped`, `word` (the batch is not running), `claimed`, `wait` or `held`.
 */
export const TRANSITION = `${COMMON}
local rec = P .. ':rec:' .. a.request
local bat = P .. ':batch:' .. a.batch
local woken = {}

local function answer(code, more)
  local out = more or {}
  out.code = code
  out.state = redis.call('HGET', rec, 's') or nil
  out.round = num(redis.call('HGET', rec, 'n'))
  if #woken > 0 then out.woken = woken end
  return cjson.encode(out)
end

local function move(from, to)
  redis.call('HSET', rec, 's', to)
  if from ~= to then
    redis.call('HINCRBY', bat, 'c.' .. from, -1)
    redis.call('HINCRBY', bat, 'c.' .. to, 1)
  end
end

${FAILING}
local memory = P .. ':memory'
if a.worker then
  local known = redis.call('HMGET', memory, 'life', a.worker, 'tick')
  -- The steps of all too: whoever took those that are gone may have ended since.
  if known[1] ~= a.life or num(known[2]) < a.seen or num(known[3]) < num(a.tick) then
    return cjson.encode({ code = 'lost' })
  end
end

local state = redis.call('HGET', rec, 's')
if not state then return answer('absent') end
-- The answer to this very step was lost and the command was sent again: it has happened.
if redis.call('HGET', rec, 'op') == a.op then return answer('ok', { repeated = true }) end
if a.epoch and num(redis.call('HGET', rec, 'e')) ~= a.epoch then return answer('stale') end
-- The epoch does not say it: a waiting request is woken into its next round, and a Redis that forgot that a record was
-- taken in hand gives the same epoch out twice. What goes on in the wrong round has its intent where nobody looks.
if a.round and num(redis.call('HGET', rec, 'n')) ~= a.round then return answer('stale') end
local allowed = false
for _, from in ipairs(a.from) do if from == state then allowed = true end end
if not allowed then return answer('state') end
if a.needs == 'booked' and redis.call('HEXISTS', rec, 'm') == 1 then return answer('state') end
if a.needs == 'unbooked' and redis.call('HEXISTS', rec, 'b') == 1 then return answer('state') end

if a.needs == 'running' then
  local stop = redis.call('HGET', P .. ':stop', 'reason')
  if stop then return answer('stopped', { reason = stop }) end
  local word = redis.call('HGET', bat, 'word')
  if word ~= 'running' then return answer('word', { reason = word or 'absent' }) end
  local gone = a.endpoint and redis.call('HGET', P .. ':endpoint-stops', a.endpoint)
  if gone then
    if state ~= 'planned' then return answer('stopped', { reason = gone }) end
    move(state, 'held')
    redis.call('HSET', rec, 'op', a.op, 'he', a.endpoint)
    return answer('held', { scope = 'endpoint:' .. a.endpoint })
  end
  -- Its stop was lifted: one goes first.
  local first = a.endpoint and redis.call('HGET', P .. ':endpoint-first', a.endpoint)
  -- Reserved before the stop: it was not chosen to go first.
  if first and first ~= a.request and state ~= 'planned' then return answer('stopped', { reason = 'one goes first' }) end
  if first and first ~= a.request and redis.call('HGET', P .. ':rec:' .. first, 's') == 'submitting' then
    local scope = 'endpoint:' .. a.endpoint
    redis.call('SADD', P .. ':wait:' .. scope, a.request)
    redis.call('HSET', rec, 'w', scope)
    return answer('wait', { scope = scope })
  end
end

-- fal's id is taken in this same step: taken outside of it, a superseded run could take one that nobody then uses.
local idKey = a.takeId and P .. ':id:' .. a.takeId
local idOwner = a.request .. '-' .. int(num(redis.call('HGET', rec, 'n')))
local idHolder = idKey and redis.call('GET', idKey)
if idHolder and idHolder ~= idOwner then return answer('taken') end

local claims = a.takesClaims and P .. ':claim:' .. a.shotKey
if claims then
  for _, index in ipairs(a.indices) do
    for owner in string.gmatch(redis.call('HGET', claims, int(index)) or '', '%S+') do
      if owner ~= a.request and redis.call('EXISTS', P .. ':rec:' .. owner) == 1 then
        -- Only what is planned is woken.
        if state == 'planned' then
          local scope = 'claim:' .. a.shotKey
          redis.call('SADD', P .. ':wait:' .. scope, a.request)
          redis.call('HSET', rec, 'w', scope)
        end
        return answer('claimed', { reason = owner })
      end
    end
  end
end

if a.money == 'take' then
  local scopes = scopesOf(a.batch, a.day)
  local limits = { redis.call('HGET', bat, 'cap'), a.dayLimit, a.monthLimit }
  for i = 1, 3 do
    local limit = limits[i]
    -- What leads to no POST has been charged already: it counts on every cap, and none can refuse it.
    if limit and a.needs == 'running' then
      local money = P .. ':money:' .. scopes[i]
      local reserved, spent = num(redis.call('HGET', money, 'r')), num(redis.call('HGET', money, 's'))
      if reserved + spent + a.price > tonumber(limit) then
        local out = { scope = scopes[i], limit = tonumber(limit), spent = spent, reserved = reserved }
        if spent + a.price <= tonumber(limit) then
          redis.call('SADD', P .. ':wait:' .. scopes[i], a.request)
          redis.call('HSET', rec, 'w', scopes[i])
          return answer('wait', out)
        end
        move(state, 'held')
        redis.call('HSET', rec, 'op', a.op)
        redis.call('HSET', bat, 'hs', scopes[i], 'hl', limit)
        -- Not even the cheapest of the batch fits: all of it is held in this one step, whatever its size.
        local cheapest = num(redis.call('HGET', bat, 'cheapest'))
        if spent + cheapest > tonumber(limit) then
          holdBatch()
          out.whole = true
        else
          wake(scopes[i], 5, woken)
        end
        return answer('held', out)
      end
    end
  end
  for i = 1, 3 do redis.call('HINCRBY', P .. ':money:' .. scopes[i], 'r', a.price) end
  redis.call('HSET', rec, 'm', int(a.price), 'd', a.day)
  for i = 1, 3 do wake(scopes[i], 1, woken) end
  if a.endpoint and redis.call('HEXISTS', P .. ':endpoint-first', a.endpoint) == 1 then
    redis.call('HSET', P .. ':endpoint-first', a.endpoint, a.request)
    redis.call('HSET', rec, 'ef', a.endpoint)
  end
end

if claims then
  local named = {}
  for i, index in ipairs(a.indices) do
    named[i] = int(index)
    redis.call('HSET', claims, named[i], a.request)
  end
  redis.call('HSET', rec, 'sk', a.shotKey, 'ix', table.concat(named, ','))
end

if idKey and not idHolder then redis.call('SET', idKey, idOwner, 'EX', a.ttlS) end

if a.money == 'release' or a.money == 'book' then
  local reserved = redis.call('HGET', rec, 'm')
  if reserved then
    local day = redis.call('HGET', rec, 'd')
    local scopes = scopesOf(a.batch, day)
    for i = 1, 3 do
      local money = P .. ':money:' .. scopes[i]
      redis.call('HINCRBY', money, 'r', '-' .. reserved)
      if a.money == 'book' then redis.call('HINCRBY', money, 's', int(a.cost)) end
      -- The counters of a day outlive its month, those of a month its year.
      if i > 1 then redis.call('EXPIRE', money, 400 * 86400) end
    end
    redis.call('HDEL', rec, 'm', 'd')
    if a.money == 'book' then
      redis.call('HSET', rec, 'b', int(a.cost))
      redis.call('HINCRBY', bat, 'images', int(a.images))
      -- Beside what was spent: by how much estimates miss.
      redis.call('HINCRBY', bat, 'bn', 1)
      redis.call('HINCRBY', bat, 'be', reserved)
    end
    for i = 1, 3 do wake(scopes[i], 5, woken) end
  end
end

if not a.claims then
  local shotKey = redis.call('HGET', rec, 'sk')
  if shotKey then
    local claims = P .. ':claim:' .. shotKey
    for index in string.gmatch(redis.call('HGET', rec, 'ix') or '', '%d+') do
      unclaim(claims, index, a.request)
    end
    redis.call('HDEL', rec, 'sk', 'ix')
    wake('claim:' .. shotKey, 1000, woken)
  end
end

if a.rivalHash then
  redis.call('HSET', rec, 'ih', a.rivalHash)
  redis.call('ZADD', P .. ':rivals:' .. a.rivalHash, a.intentAtMs, a.request)
elseif a.to ~= 'submitting' and a.to ~= 'unknown' then
  local hash = redis.call('HGET', rec, 'ih')
  if hash then
    redis.call('ZREM', P .. ':rivals:' .. hash, a.request)
    redis.call('HDEL', rec, 'ih')
  end
end

${LOSE_AT_DOOR}
if state == 'unknown' and redis.call('HDEL', rec, 'nc') == 1 then redis.call('HINCRBY', bat, 'nc', -1) end
if a.to == 'submitted' and a.endpoint then redis.call('HDEL', P .. ':endpoint-locked', a.endpoint) end

if a.to == 'unknown' then
  -- The id that it had is another's by the store, or another one is its own: free for whoever has to find his.
  local had = redis.call('HGET', rec, 'id')
  if had and redis.call('GET', P .. ':id:' .. had) == idOwner then redis.call('DEL', P .. ':id:' .. had) end
  redis.call('HDEL', rec, 'id', 'wd', 'pt')
end

local goesFirst = state == 'submitting' and a.to ~= 'submitting' and redis.call('HGET', rec, 'ef')
if goesFirst then
  local firsts, scope = P .. ':endpoint-first', 'endpoint:' .. goesFirst
  redis.call('HDEL', rec, 'ef')
  if redis.call('HGET', firsts, goesFirst) == a.request then
    if a.to == 'submitted' or a.to == 'failed' then
      -- The endpoint answers: all go.
      redis.call('HDEL', firsts, goesFirst)
      wake(scope, 1000, woken)
    else
      redis.call('HSET', firsts, goesFirst, '')
      wake(scope, 1, woken)
    end
  end
end

move(state, a.to)
redis.call('HSET', rec, 'op', a.op)
if state == 'held' then redis.call('HDEL', rec, 'p', 'he') end
if a.revives then
  -- It is under way again, and its batch with it: neither has an end, nor a time to be forgotten at.
  redis.call('SADD', P .. ':open:' .. a.batch, a.member)
  redis.call('PERSIST', rec)
  redis.call('HDEL', rec, 'x', 'a', 'k')
  redis.call('HDEL', bat, 'done', 'sum')
  redis.call('PERSIST', bat)
  redis.call('PERSIST', P .. ':money:batch:' .. a.batch)
end
-- What goes on with fal's id stays in the round that has it.
if a.to == 'planned' or (a.revives and a.to ~= 'submitted') then
  redis.call('HSET', rec, 'n', int(math.max(num(redis.call('HGET', rec, 'n')) + 1, num(redis.call('HGET', rec, 'nn')))))
  redis.call('HDEL', rec, 'nn')
end
if a.to == 'planned' then redis.call('HDEL', rec, 'id', 'at', 'k', 'b', 'wd', 'pt') end
if a.to ~= 'submitted' then redis.call('HDEL', rec, 'mf', 'mn') end
for _, pair in ipairs(a.set) do redis.call('HSET', rec, pair[1], pair[2]) end
local lifts = a.endsRow and endRow(a.endsRow) or nil
local counter = a.failing and a.failing.on[state]
local holds = counter and countFailure(counter, a.failing.code, a.failing.limit, a.failing.example) or nil
local ended = false
if a.rest then
  redis.call('SREM', P .. ':open:' .. a.batch, a.member)
  redis.call('EXPIRE', rec, a.ttlS)
  redis.call('HSET', bat, 'last', int(a.at))
  ended = finishIfEnded(a.batch)
end
local tick = redis.call('HINCRBY', memory, 'tick', 1)
local seen
if a.worker and redis.call('HGET', memory, 'life') == a.life then
  seen = redis.call('HINCRBY', memory, a.worker, 1)
end
-- Planned again after its batch was cancelled: the caller cancels it, since no job would be let go on with it.
local over = a.to == 'planned' and redis.call('HGET', bat, 'word') == 'cancelled'
return answer('ok', { ended = ended, seen = seen, tick = tick, over = over or nil, holds = holds or nil, lifts = lifts })
`;
