-- KEYS[1]: a rep's marks, KEYS[2]: her marked values. Answers both as they are at one instant.
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
