-- KEYS[1]: a rep's marks, KEYS[2]: her marked values, KEYS[3]: the set of reps with marks, KEYS[4]: her restatements.
-- ARGV: the version of the marks that they are made of, 'tenant/rep', how many are kept, then restatements, the last one
-- last. Answers 1 if there were no newer marks.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('SREM', KEYS[3], ARGV[2])
for i = 4, #ARGV do redis.call('LPUSH', KEYS[4], ARGV[i]) end
if #ARGV > 3 then redis.call('LTRIM', KEYS[4], 0, tonumber(ARGV[3]) - 1) end
return 1
