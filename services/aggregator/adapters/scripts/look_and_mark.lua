-- KEYS[1]: a partition's offset, KEYS[2]: its mark. ARGV: the position that the worker has applied, and an instant up to
-- which everything is applied then ('0': none to tell). Answers the stored position ('-1': none) and the server's run.
-- A mark never goes back, and none is told of a state that lacks what the worker has applied.
local stored = redis.call('GET', KEYS[1]) or '-1'
local mark = tonumber(ARGV[2])
if tonumber(stored) >= tonumber(ARGV[1]) and tonumber(redis.call('GET', KEYS[2]) or 0) < mark then
  redis.call('SET', KEYS[2], ARGV[2])
end
local info = redis.pcall('INFO', 'server')
return {stored, type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''}
