-- ARGV[1]: msgpack {key, {field, ...}, ...}; all keys have the hash tag of KEYS[1]. Answers one list of values a key.
local wanted = cmsgpack.unpack(ARGV[1])
local SLICE = 4000
local found = {}
for i = 1, #wanted, 2 do
  local fields, values = wanted[i + 1], {}
  for from = 1, #fields, SLICE do
    local part = redis.call('HMGET', wanted[i], unpack(fields, from, math.min(from + SLICE - 1, #fields)))
    for _, value in ipairs(part) do values[#values + 1] = value end
  end
  found[#found + 1] = values
end
return found
