-- After fence.lua. KEYS[3]: unmapped, KEYS[4]: unconverted, KEYS[5]: changed, KEYS[6]: footings; the other keys have
-- the same hash tag. a[9]: how often reps were folded anew, as far as the cells know.
-- a[4]: key, {field, value, ...}, ... to set. a[5]: key, {field, ...}, ... to delete.
-- a[6]: key, {value, change, ...}, ... to count. a[7]: unmapped owner, change, ...
-- a[8]: cells key, 'tenant/rep', ... whose version rises.
-- a[10]: 'tenant/rep', cells key, marks key, {field, cell, ...}, {field, cause, ...}, marked values key, {field, change,
-- ...}, ... of closed cells that change: what is marked first stays. KEYS[7]: the set of reps with marks.
local MOST_MARKS = 4000
if tonumber(redis.call('HGET', KEYS[6], 'refolds') or 0) ~= a[9] then return 'between' end
for i = 1, #a[4], 2 do in_slices('HSET', a[4][i], a[4][i + 1]) end
for i = 1, #a[5], 2 do in_slices('HDEL', a[5][i], a[5][i + 1]) end
for i = 1, #a[6], 2 do count(a[6][i], a[6][i + 1]) end
count(KEYS[3], a[7])
for i = 1, #a[8], 2 do
  redis.call('HINCRBY', a[8][i], 'version', 1)
  redis.call('SADD', KEYS[5], a[8][i + 1])
end
for i = 1, #a[10], 7 do
  local marks, cells, causes = a[10][i + 2], a[10][i + 3], a[10][i + 4]
  for j = 1, #cells, 2 do redis.call('HSETNX', marks, cells[j], cells[j + 1]) end
  -- an import of years has a cause for every day and KPI: beyond some thousands they are left out
  if redis.call('HLEN', marks) < MOST_MARKS then
    for j = 1, #causes, 2 do redis.call('HSETNX', marks, causes[j], causes[j + 1]) end
  end
  count(a[10][i + 5], a[10][i + 6])
  redis.call('HSET', marks, 'version', redis.call('HGET', a[10][i + 1], 'version'))
  redis.call('SADD', KEYS[7], a[10][i])
end
return move_on()
