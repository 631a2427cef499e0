-- Stores one change of one episode, fenced, with everything that must not be lost with it: the change for the topic
-- and the groups that have to say something. One script, so that a crash keeps all of it or nothing.
--
-- KEYS: episodes, latest, open, recent, unpublished, groups, due, touches, counter, then one members set a touch
-- ARGV: id, version the change builds on (0: a new episode), dedup key, id of the newest episode before (new ones),
--       episode as JSON, fate (open | kept | forgotten), instant, then a touch: group, due instant, group as JSON or ''
local id, expected, dedup, before = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if expected == 0 then
  if (redis.call('HGET', KEYS[2], dedup) or '') ~= before then return 0 end
else
  local stored = redis.call('HGET', KEYS[1], id)
  if not stored or cjson.decode(stored).version ~= expected then return 0 end
end

local episode, fate, at = ARGV[5], ARGV[6], ARGV[7]
if fate == 'forgotten' then
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[4], id)
  if redis.call('HGET', KEYS[2], dedup) == id then redis.call('HDEL', KEYS[2], dedup) end
else
  redis.call('HSET', KEYS[1], id, episode)
  redis.call('HSET', KEYS[2], dedup, id)
  redis.call('ZADD', KEYS[4], at, id)
end
if fate == 'open' then redis.call('SADD', KEYS[3], id) else redis.call('SREM', KEYS[3], id) end
redis.call('XADD', KEYS[5], '*', 'e', episode)

local members = 10
for n = 8, #ARGV, 3 do
  local group, due, created = ARGV[n], ARGV[n + 1], ARGV[n + 2]
  if created ~= '' then redis.call('HSETNX', KEYS[6], group, created) end
  if redis.call('HEXISTS', KEYS[6], group) == 1 then
    redis.call('SADD', KEYS[members], id)
    local known = redis.call('ZSCORE', KEYS[7], group)
    if not known or tonumber(due) < tonumber(known) then redis.call('ZADD', KEYS[7], due, group) end
    redis.call('HSET', KEYS[8], group, redis.call('INCR', KEYS[9]))
  end
  members = members + 1
end
return 1
