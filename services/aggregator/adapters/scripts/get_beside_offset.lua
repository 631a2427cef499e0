-- KEYS[1]: a partition's offset, KEYS[2]: a string. Answers both as they are at one instant.
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}
