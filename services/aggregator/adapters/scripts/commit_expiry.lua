-- After lists.lua. KEYS[1]: the partition's offset, KEYS[2]: its records. ARGV[1]: msgpack, a[1] the offset that it is
-- made for, a[2] keys of records that go, a[3] key, record, ... to replace. Answers 1 if it was so.
local a = cmsgpack.unpack(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= a[1] then return 0 end
in_slices('HDEL', KEYS[2], a[2])
in_slices('HSET', KEYS[2], a[3])
return 1
