-- KEYS[1]: a partition's offset, KEYS[2]: a rep's cells. Answers the offset and the names of her pages, packed.
return {redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], 'pages')}
