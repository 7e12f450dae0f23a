-- Takes a key for a request that is handled once, or answers what became of it.
-- KEYS: the key. ARGV: who claims, seconds.
local value = redis.call('GET', KEYS[1])
if value and value ~= 'W' .. ARGV[1] then return value end
redis.call('SET', KEYS[1], 'W' .. ARGV[1], 'PX', math.ceil(ARGV[2] * 1000))
return false
