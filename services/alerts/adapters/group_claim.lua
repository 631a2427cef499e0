-- Takes a group that is due, for a while. KEYS: groups, due, members, touches. ARGV: group, now, until.
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return false end
local group = redis.call('HGET', KEYS[1], ARGV[1])
if not group then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return false
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return {group, redis.call('HGET', KEYS[4], ARGV[1]) or '', redis.call('SMEMBERS', KEYS[3])}
