-- After lists.lua. KEYS[1]: the partition's offset, KEYS[2]: footings, KEYS[3]: unmapped, KEYS[4]: unconverted, KEYS[5]:
-- changed, KEYS[6]: the subject's cells, KEYS[7]: the packed pages; the other keys have the same hash tag.
-- ARGV[1]: msgpack, a[1] the offset and a[2] the number of folds that it is made for, a[3] 'tenant/subject', a[4] words or
-- '', a[5] page, packed, ... to set, a[6] pages whose packed form goes, a[7] keys of pages that go, a[8] cell, packed, ...
-- to set, a[9] cells that go, a[10] key, {value, change, ...}, ...; a[11] unmapped owner, change, ...; a[12] what is not
-- unconverted any more; a[13] whether the version rises.
local a = cmsgpack.unpack(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= a[1] then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'refolds') or 0) ~= a[2] then return 0 end

if a[4] ~= '' then redis.call('HSETNX', KEYS[7], 'words', a[4]) end
in_slices('HSET', KEYS[7], a[5])
in_slices('HDEL', KEYS[7], a[6])
for _, key in ipairs(a[7]) do redis.call('UNLINK', key) end
in_slices('HSET', KEYS[6], a[8])
in_slices('HDEL', KEYS[6], a[9])
for i = 1, #a[10], 2 do count(a[10][i], a[10][i + 1]) end
count(KEYS[3], a[11])
in_slices('HDEL', KEYS[4], a[12])
redis.call('HINCRBY', KEYS[2], 'refolds', 1)
if a[13] then
  redis.call('HINCRBY', KEYS[6], 'version', 1)
  redis.call('SADD', KEYS[5], a[3])
end
return 1
