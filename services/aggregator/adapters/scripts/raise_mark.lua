-- KEYS[1]: a partition's mark. ARGV[1]: an instant up to which everything is applied. A mark never goes back.
if tonumber(redis.call('GET', KEYS[1]) or -1) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
