-- Stores an episode as the log has it, unless the store has that version or a later one. Nothing is published.
-- KEYS: episodes, latest, open, recent, due, touches, counter, then one members set a touch.
-- ARGV: id, version, dedup key, episode as JSON, fate (open | kept | forgotten), instant of its last change, instant of
--       its beginning, then a touch: group, due instant.
local id, dedup, episode, fate = ARGV[1], ARGV[3], ARGV[4], ARGV[5]
local stored = redis.call('HGET', KEYS[1], id)
if stored and cjson.decode(stored).version >= tonumber(ARGV[2]) then return 0 end

local newest = redis.call('HGET', KEYS[2], dedup)
if fate == 'forgotten' then
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[4], id)
  if newest == id then redis.call('HDEL', KEYS[2], dedup) end
else
  redis.call('HSET', KEYS[1], id, episode)
  redis.call('ZADD', KEYS[4], ARGV[6], id)
  local other = newest and newest ~= id and redis.call('HGET', KEYS[1], newest)
  if not other or cjson.decode(other).started_at < tonumber(ARGV[7]) then redis.call('HSET', KEYS[2], dedup, id) end
end
if fate == 'open' then redis.call('SADD', KEYS[3], id) else redis.call('SREM', KEYS[3], id) end

local members = 8
for n = 8, #ARGV, 2 do
  redis.call('SADD', KEYS[members], id)
  redis.call('ZADD', KEYS[5], 'LT', ARGV[n + 1], ARGV[n])
  redis.call('HSET', KEYS[6], ARGV[n], redis.call('INCR', KEYS[7]))
  members = members + 1
end
return 1
