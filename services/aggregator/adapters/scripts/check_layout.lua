-- KEYS[1]: the layout. ARGV: field, value, ... The first writer wins. Answers field, value, ... as stored.
local answer = {}
for i = 1, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
  answer[#answer + 1] = ARGV[i]
  answer[#answer + 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
return answer
