-- After lists.lua. KEYS[1]: the partition's offset, KEYS[2]: its records. ARGV[1]: msgpack, the wanted keys.
-- Answers the stored position ('-1': none) and the records, all of one instant.
local wanted, found = cmsgpack.unpack(ARGV[1]), {}
for from = 1, #wanted, SLICE do
  local part = redis.call('HMGET', KEYS[2], unpack(wanted, from, math.min(from + SLICE - 1, #wanted)))
  for _, value in ipairs(part) do found[#found + 1] = value end
end
return {redis.call('GET', KEYS[1]) or '-1', found}
