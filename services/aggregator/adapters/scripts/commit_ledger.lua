-- After fence.lua. KEYS[3]: records, KEYS[4]: sources. a[4]: key, record, ...; a[5]: source, received at, ...
in_slices('HSET', KEYS[3], a[4])
keep_greatest(KEYS[4], a[5])
return move_on()
