-- After lists.lua. KEYS[1]: the partition's offset, KEYS[2]: its records, KEYS[3]: incomplete. ARGV[1]: msgpack, a[1] the
-- offset that it is made for, a[2] keys of records that go, a[3] key, record, ... to replace, a[4] field that is missing,
-- change of the number of records, ... Answers 1 if it was so.
local a = cmsgpack.unpack(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= a[1] then return 0 end
in_slices('HDEL', KEYS[2], a[2])
in_slices('HSET', KEYS[2], a[3])
count(KEYS[3], a[4])
return 1
