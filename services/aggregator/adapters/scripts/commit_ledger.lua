-- After fence.lua. KEYS[3]: records, KEYS[4]: sources, KEYS[5]: incomplete. a[4]: key, record, ...; a[5]: source, received
-- at, ...; a[6]: field that is missing, change of the number of records, ...
in_slices('HSET', KEYS[3], a[4])
keep_greatest(KEYS[4], a[5])
count(KEYS[5], a[6])
return move_on()
