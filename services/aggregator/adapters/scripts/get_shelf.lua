-- KEYS[1]: a partition's offset, KEYS[2]: a subject's cells, KEYS[3]: the packed pages.
-- Answers the offset, the names of the pages, of the packed ones, and the words, all of one instant.
local names = redis.call('HMGET', KEYS[2], 'pages', 'packed')
return {redis.call('GET', KEYS[1]), names[1], names[2], redis.call('HGET', KEYS[3], 'words')}
