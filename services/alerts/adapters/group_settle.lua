-- Stores the next version of a group, or removes it. KEYS: groups, due, members, touches.
-- ARGV: group, version that the change builds on, number of the last touch seen ('*': any),
--       group as JSON ('': remove), instant at which it is due ('': when it is touched), members to drop...
local key, seen = ARGV[1], ARGV[3]
local stored = redis.call('HGET', KEYS[1], key)
if not stored or cjson.decode(stored).version ~= tonumber(ARGV[2]) then return 0 end
if seen ~= '*' and (redis.call('HGET', KEYS[4], key) or '') ~= seen then return 0 end
if ARGV[4] == '' then
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
  redis.call('DEL', KEYS[3])
  redis.call('HDEL', KEYS[4], key)
  return 1
end
redis.call('HSET', KEYS[1], key, ARGV[4])
if ARGV[5] == '' then redis.call('ZREM', KEYS[2], key) else redis.call('ZADD', KEYS[2], ARGV[5], key) end
for n = 6, #ARGV do redis.call('SREM', KEYS[3], ARGV[n]) end
return 1
