-- After fence.lua. KEYS[3]: records, KEYS[4]: sources, KEYS[5]: incomplete, KEYS[6], ...: arrivals of a day each. a[4]: key,
-- record, ...; a[5]: source, received at, ...; a[6]: field that is missing, change of the number of records, ...; a[7]:
-- seconds after which arrivals go; a[8], ...: for each day: field, count, ...
in_slices('HSET', KEYS[3], a[4])
keep_greatest(KEYS[4], a[5])
count(KEYS[5], a[6])
for i = 6, #KEYS do
  count(KEYS[i], a[i + 2])
  redis.call('EXPIRE', KEYS[i], a[7])
end
return move_on()
