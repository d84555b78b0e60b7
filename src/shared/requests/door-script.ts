/**
 * The part of `lose` that counts at fal's front door (`doors.ts`): the answer to a POST of endpoint `a.door` was lost. The
 * first try comes after five seconds, the next ones after twice as long, up to five minutes. For `TRANSITION` alone.
 */
export const LOSE_AT_DOOR = `
if a.door then
  local key = P .. ':door:' .. a.door
  local lost = redis.call('HINCRBY', key, 'n', 1)
  redis.call('EXPIRE', key, 86400)
  if lost >= 5 then
    local door = redis.call('HMGET', key, 'prober', 'wait')
    local pause = num(door[2])
    if pause == 0 then pause = 5000 elseif door[1] == a.request then pause = math.min(2 * pause, 300000) end
    redis.call('HSET', key, 'wait', int(pause), 'next', int(a.at + pause))
    if door[1] == a.request then redis.call('HDEL', key, 'prober', 'until') end
    wake('door:' .. a.door, 1, woken)
  end
end
`;
