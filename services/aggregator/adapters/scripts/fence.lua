-- KEYS[1]: the partition's offset, KEYS[2]: its mark. ARGV[1]: msgpack, a[1] the chunk's start, a[2] what follows
-- it, a[3] the mark. Positions are log epoch * 2^40 + offset, well below 2^53.
local a = cmsgpack.unpack(ARGV[1])
local stored = tonumber(redis.call('GET', KEYS[1]) or -1)
if stored >= a[2] then return 'done' end
if stored < a[1] then return 'back' end
if stored > a[1] then return 'between' end

-- A command's arguments go over Lua's C stack, which holds some 8,000.
local SLICE = 4000

local function in_slices(command, key, list)
  for i = 1, #list, SLICE do
    redis.call(command, key, unpack(list, i, math.min(i + SLICE - 1, #list)))
  end
end

-- list: name, change, name, change, ...; a counter that reaches 0 goes.
local function count(key, list)
  for i = 1, #list, 2 do
    if redis.call('HINCRBY', key, list[i], list[i + 1]) == 0 then redis.call('HDEL', key, list[i]) end
  end
end

-- list: name, instant, name, instant, ...; the greatest stays.
local function keep_greatest(key, list)
  for i = 1, #list, 2 do
    if tonumber(redis.call('HGET', key, list[i]) or -1) < list[i + 1] then
      redis.call('HSET', key, list[i], string.format('%.0f', list[i + 1]))
    end
  end
end

local function move_on()
  if tonumber(redis.call('GET', KEYS[2]) or -1) < a[3] then redis.call('SET', KEYS[2], string.format('%.0f', a[3])) end
  redis.call('SET', KEYS[1], string.format('%.0f', a[2]))
  return 'applied'
end

