-- After lists.lua. KEYS[1]: the partition's offset, KEYS[2]: footings, KEYS[3]: unconverted, KEYS[4]: changed,
-- KEYS[5]: the rep's cells; the other keys have the same hash tag. ARGV[1]: msgpack, a[1] the offset and a[2] the
-- number of folds that it is made for, a[3] 'tenant/rep', a[4] her footing, a[5] cell, packed, ...; a[6] keys of values
-- that go, a[7] key, {value, facts, ...}, ...; a[8] unconverted, currency, ...; a[9] what is converted.
-- KEYS[6]: terms, a[10] digest, terms, ...; KEYS[7]: her restatements, a[11] more of them, the last one last, of which
-- a[12] are kept.
local a = cmsgpack.unpack(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= a[1] then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'refolds') or 0) ~= a[2] then return 0 end

local kept = {'version', 'pages', 'packed', 'retained'}
local values = redis.call('HMGET', KEYS[5], unpack(kept))
redis.call('DEL', KEYS[5])
for i, field in ipairs(kept) do
  if values[i] then redis.call('HSET', KEYS[5], field, values[i]) end
end
redis.call('HINCRBY', KEYS[5], 'version', 1)
in_slices('HSET', KEYS[5], a[5])
for _, key in ipairs(a[6]) do redis.call('DEL', key) end
for i = 1, #a[7], 2 do in_slices('HSET', a[7][i], a[7][i + 1]) end
in_slices('HSET', KEYS[3], a[8])
in_slices('HDEL', KEYS[3], a[9])
redis.call('HINCRBY', KEYS[2], 'refolds', 1)
redis.call('HSET', KEYS[2], a[3], a[4])
in_slices('HSET', KEYS[6], a[10])
in_slices('LPUSH', KEYS[7], a[11])
if #a[11] > 0 then redis.call('LTRIM', KEYS[7], 0, a[12] - 1) end
if a[4] ~= '' then redis.call('SADD', KEYS[4], a[3]) end
return 1
