-- KEYS[1]: a partition's offset. ARGV: the position of the log's start, and the first position of its epoch.
-- Written once for a partition that has none, and once more when the log began anew. Answers the stored position.
local stored = tonumber(redis.call('GET', KEYS[1]) or -1)
if stored < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1]) end
return redis.call('GET', KEYS[1])
