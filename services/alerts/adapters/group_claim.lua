-- Takes a group that is due, for a while. KEYS: groups, due, members, touches, pulse. ARGV: group, now, until.
-- Answers the pulse, and if the group is taken: the group, the number of its last touch, its members.
local pulse = redis.call('INCR', KEYS[5])
local due = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return {pulse} end
local group = redis.call('HGET', KEYS[1], ARGV[1])
if not group then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {pulse}
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return {pulse, group, redis.call('HGET', KEYS[4], ARGV[1]) or '', redis.call('SMEMBERS', KEYS[3])}
