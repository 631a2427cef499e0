-- KEYS[1]: a subject's packed pages, then the key of each page. ARGV: the words' field, then the name of each page.
-- Answers the words, then of each page the packed form, or fact id, entry, ...; all of one instant.
local answer = {redis.call('HGET', KEYS[1], ARGV[1]) or ''}
for i = 2, #ARGV do
  answer[i] = redis.call('HGET', KEYS[1], ARGV[i]) or redis.call('HGETALL', KEYS[i])
end
return answer
