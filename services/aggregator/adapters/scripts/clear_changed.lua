-- KEYS[1]: set of changed 'tenant/rep'. ARGV: the prefix of cells keys, then member, published version, ...
-- A rep who changed again meanwhile stays in the set.
for i = 2, #ARGV, 2 do
  local version = redis.call('HGET', ARGV[1] .. ARGV[i], 'version') or '0'
  if version == ARGV[i + 1] then redis.call('SREM', KEYS[1], ARGV[i]) end
end
return redis.call('SCARD', KEYS[1])
