-- KEYS[1]: the layout. ARGV: a field, its value, a counter, and the least that the counter has to be (optional).
-- A changed value is stored and the counter rises; the first value starts it at 0. Answers the counter.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local counter = tonumber(redis.call('HGET', KEYS[1], ARGV[3]) or 0)
local wanted = math.max(known and known ~= ARGV[2] and counter + 1 or counter, tonumber(ARGV[4] or 0))
if known ~= ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
if known ~= ARGV[2] or wanted ~= counter then redis.call('HSET', KEYS[1], ARGV[3], wanted) end
return wanted
