-- KEYS[1]: the layout. ARGV: a field, its value, a counter. A changed value is stored and the counter rises; the
-- first value starts it at 0. Answers the counter.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known ~= ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  return redis.call('HINCRBY', KEYS[1], ARGV[3], known and 1 or 0)
end
return tonumber(redis.call('HGET', KEYS[1], ARGV[3]) or 0)
