-- KEYS[1]: the partition's offset, KEYS[2]: its mark. ARGV[1]: msgpack, a[1] the chunk's start, a[2] what follows
-- it, a[3] the mark. Positions are log epoch * 2^40 + offset, well below 2^53.
local a = cmsgpack.unpack(ARGV[1])
local stored = tonumber(redis.call('GET', KEYS[1]) or -1)
if stored >= a[2] then return 'done' end
if stored < a[1] then return 'back' end
if stored > a[1] then return 'between' end

local function move_on()
  if tonumber(redis.call('GET', KEYS[2]) or -1) < a[3] then redis.call('SET', KEYS[2], string.format('%.0f', a[3])) end
  redis.call('SET', KEYS[1], string.format('%.0f', a[2]))
  return 'applied'
end

