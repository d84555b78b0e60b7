import { UNCLAIM } from './transition-script.ts';

/** The Lua of a rebuild; the keys are told in `transition-script.ts`. */

const MONTH = 7;

/**
 * Begins it: all submits stop, and whoever rebuilt the same before writes nothing more. Where all is rebuilt, workers find
 * from here on that Redis has forgotten, whatever becomes of the stop.
 */
export const CLAIM = `
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
if a.mine.scope == '*' then redis.call('DEL', P .. ':rebuild', P .. ':memory') end
redis.call('HSET', P .. ':rebuild', a.mine.scope, a.mine.token)
redis.call('DEL', P .. ':stop')
redis.call('HSET', P .. ':stop', 'code', a.stop.code, 'reason', a.stop.reason)
return 1
`;

/** At the head of every step of a rebuild: one that another has replaced must not write over what has gone on since. */
const MINE = `
local P = ARGV[1]
local a = cjson.decode(ARGV[2])
if redis.call('HGET', P .. ':rebuild', a.mine.scope) ~= a.mine.token then return 0 end
`;

/** The end of it: its stop is lifted, and another set in its place, in one step. */
export const RELEASE = `${MINE}
redis.call('HDEL', P .. ':rebuild', a.mine.scope)
local stop = P .. ':stop'
local code = redis.call('HGET', stop, 'code')
local alone = redis.call('EXISTS', P .. ':rebuild') == 0
if (code == 'rebuild' or code == 'redis_lost') and (alone or a.stop) then redis.call('DEL', stop) end
if a.stop and redis.call('EXISTS', stop) == 0 then
  redis.call('HSET', stop, 'code', a.stop.code, 'reason', a.stop.reason)
end
return 1
`;

/**
 * Not what a job is made of that stands in a list of its queue: the lists are the first to go, so it came after that. Its
 * hash without its place there would be a job that nobody takes up, and for which no other is given.
 */
export const WIPE = `${MINE}
local isQueue = {}
for _, queue in ipairs(a.queues) do isQueue[queue] = true end
local function isListed(queue, id)
  local Q = P .. ':' .. queue .. ':'
  for _, list in ipairs({ 'wait', 'active', 'paused' }) do
    if redis.call('LPOS', Q .. list, id) then return true end
  end
  for _, set in ipairs({ 'prioritized', 'delayed' }) do
    if redis.call('ZSCORE', Q .. set, id) then return true end
  end
  return false
end
for _, key in ipairs(a.keys) do
  local queue, id = string.match(string.sub(key, #P + 1), '^:(%a+):(.+)$')
  if not (isQueue[queue] and isListed(queue, (string.gsub(id, ':lock$', '')))) then redis.call('UNLINK', key) end
end
return 1
`;

/** Hashes and what is set in them, in new ones where they are to be `fresh`: of a batch, of the life that is in force. */
export const PUT = `${MINE}
for key, fields in pairs(a.hashes) do
  if a.fresh then redis.call('DEL', P .. key) end
  for field, value in pairs(fields) do redis.call('HSET', P .. key, field, value) end
end
if a.listed then redis.call('ZADD', P .. ':batches', a.listed.at, a.listed.batch) end
return 1
`;

/** Counters of days and months that are not there yet. */
export const SPENT = `${MINE}
for scope, spent in pairs(a.scopes) do
  redis.call('HSETNX', P .. ':money:' .. scope, 's', spent)
  redis.call('EXPIRE', P .. ':money:' .. scope, a.keptS)
end
return 1
`;

/** One chunk of records, each written whole, with its counters, reservation, claims and search marks. */
export const RESTORE = `${UNCLAIM}${MINE}
local function int(x) return string.format('%.0f', x) end
local bat = P .. ':batch:' .. a.batch
for _, item in ipairs(a.items) do
  local request = a.batch .. '.' .. item.member
  local rec = P .. ':rec:' .. request
  redis.call('DEL', rec)
  redis.call('HSET', rec, 's', item.state, 'e', int(a.epoch), 'n', int(item.round))
  if item.nextRound then redis.call('HSET', rec, 'nn', int(item.nextRound)) end
  redis.call('HINCRBY', bat, 'c.' .. item.state, 1)
  if item.rest then redis.call('EXPIRE', rec, a.ttlS)
  else redis.call('SADD', P .. ':open:' .. a.batch, item.member) end
  if item.requestId then
    redis.call('HSET', rec, 'id', item.requestId)
    redis.call('SET', P .. ':id:' .. item.requestId, request .. '-' .. int(item.round), 'EX', a.ttlS)
  end
  if item.intentAtMs then redis.call('HSET', rec, 'at', int(item.intentAtMs)) end
  if item.waitsForProof then redis.call('HSET', rec, 'p', '1') end
  if item.booked then redis.call('HSET', rec, 'b', int(item.booked)) end
  if item.reservation then
    local day = item.reservation.day
    redis.call('HSET', rec, 'm', int(item.reservation.price), 'd', day)
    for _, scope in ipairs({ 'batch:' .. a.batch, 'day:' .. day, 'month:' .. string.sub(day, 1, ${MONTH}) }) do
      redis.call('HINCRBY', P .. ':money:' .. scope, 'r', int(item.reservation.price))
    end
  end
  if item.claim then
    local named = {}
    for i, index in ipairs(item.claim.indices) do
      named[i] = int(index)
      local key = P .. ':claim:' .. item.claim.shotKey
      unclaim(key, named[i], request)
      local others = redis.call('HGET', key, named[i])
      redis.call('HSET', key, named[i], others and others .. ' ' .. request or request)
    end
    redis.call('HSET', rec, 'sk', item.claim.shotKey, 'ix', table.concat(named, ','))
  end
  if item.rivalHash then
    redis.call('HSET', rec, 'ih', item.rivalHash)
    redis.call('ZADD', P .. ':rivals:' .. item.rivalHash, int(item.intentAtMs), request)
  end
end
return 1
`;

/**
 * Takes all of a batch's open records out, with what they reserved and claimed, so that nobody who still holds one can
 * take a step of it.
 */
export const DETACH = `${UNCLAIM}${MINE}
for _, member in ipairs(a.members) do
  local request = a.batch .. '.' .. member
  local rec = P .. ':rec:' .. request
  local fields = redis.call('HMGET', rec, 'm', 'd', 'sk', 'ix', 'ih', 'id', 'n')
  local price, day, shotKey, indices, hash = fields[1], fields[2], fields[3], fields[4], fields[5]
  local id, round = fields[6], fields[7]
  if price and day then
    for _, scope in ipairs({ 'batch:' .. a.batch, 'day:' .. day, 'month:' .. string.sub(day, 1, ${MONTH}) }) do
      redis.call('HINCRBY', P .. ':money:' .. scope, 'r', '-' .. price)
    end
  end
  if shotKey then
    for index in string.gmatch(indices or '', '%d+') do
      local key = P .. ':claim:' .. shotKey
      unclaim(key, index, request)
    end
  end
  if hash then redis.call('ZREM', P .. ':rivals:' .. hash, request) end
  -- Whose it is the store knows, or the round finds it again; else nobody else may ever be given it.
  if id and redis.call('GET', P .. ':id:' .. id) == request .. '-' .. (round or '0') then
    redis.call('DEL', P .. ':id:' .. id)
  end
  redis.call('DEL', rec)
  redis.call('SREM', P .. ':open:' .. a.batch, member)
end
return 1
`;
