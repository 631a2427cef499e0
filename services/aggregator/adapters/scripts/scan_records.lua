-- KEYS[1]: the partition's offset, KEYS[2]: its records. ARGV: a cursor, about how many.
-- Answers the offset, the number of records, the next cursor, and {key, record, ...}, all of one instant.
local found = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', ARGV[2])
return {redis.call('GET', KEYS[1]) or '0', redis.call('HLEN', KEYS[2]), found[1], found[2]}
