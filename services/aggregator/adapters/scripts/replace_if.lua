-- KEYS[1]: a string. ARGV: what it is believed to be, '' for absent, and what to make of it. Answers 1 if it was so.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
