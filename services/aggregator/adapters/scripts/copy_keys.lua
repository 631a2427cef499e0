-- KEYS: a key, the one to put it in place of, ...; all have the same hash tag. What is absent is absent then.
for i = 1, #KEYS, 2 do
  if redis.call('COPY', KEYS[i], KEYS[i + 1], 'REPLACE') == 0 then redis.call('DEL', KEYS[i + 1]) end
end
