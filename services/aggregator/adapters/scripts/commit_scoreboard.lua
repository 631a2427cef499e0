-- After fence.lua. KEYS[3]: unmapped, KEYS[4]: unconverted, KEYS[5]: changed, KEYS[6]: footings; the other keys have
-- the same hash tag. a[9]: how often reps were folded anew, as far as the cells know.
-- a[4]: key, {field, value, ...}, ... to set. a[5]: key, {field, ...}, ... to delete.
-- a[6]: key, {value, change, ...}, ... to count. a[7]: unmapped owner, change, ...
-- a[8]: cells key, 'tenant/rep', ... whose version rises.
if tonumber(redis.call('HGET', KEYS[6], 'refolds') or 0) ~= a[9] then return 'between' end
for i = 1, #a[4], 2 do in_slices('HSET', a[4][i], a[4][i + 1]) end
for i = 1, #a[5], 2 do in_slices('HDEL', a[5][i], a[5][i + 1]) end
for i = 1, #a[6], 2 do count(a[6][i], a[6][i + 1]) end
count(KEYS[3], a[7])
for i = 1, #a[8], 2 do
  redis.call('HINCRBY', a[8][i], 'version', 1)
  redis.call('SADD', KEYS[5], a[8][i + 1])
end
return move_on()
