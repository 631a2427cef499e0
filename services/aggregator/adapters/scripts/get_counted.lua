-- KEYS[1]: a rep's cells. ARGV[1]: msgpack, keys of values with the same hash tag. Answers one {field, value, ...} a key.
local found = {redis.call('HGETALL', KEYS[1])}
for _, key in ipairs(cmsgpack.unpack(ARGV[1])) do found[#found + 1] = redis.call('HGETALL', key) end
return found
