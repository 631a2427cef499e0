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

