-- KEYS[1]: a partition's offset. ARGV: the position it is believed to be at, the one to go on from.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
