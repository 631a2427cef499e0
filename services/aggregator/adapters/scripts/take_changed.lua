-- KEYS[1]: set of changed 'tenant/rep'. ARGV: how many at most, the prefix of cells keys.
-- Answers member, version, member, version, ...; the set stays as it is until clear_changed.
local members = redis.call('SRANDMEMBER', KEYS[1], ARGV[1])
local answer = {}
for _, member in ipairs(members) do
  answer[#answer + 1] = member
  answer[#answer + 1] = redis.call('HGET', ARGV[2] .. member, 'version') or '0'
end
return answer
