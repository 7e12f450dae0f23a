-- Where a log stands. Another server, or the same one after a restart or a promotion, may have another log:
-- then its epoch ends. Only the server itself can tell, at this moment: a connection may outlive a failover.
local fence = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local known = redis.call('HMGET', meta, 'epoch', 'offset', 'fence', 'seconds')
local epoch, offset = known[1], tonumber(known[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not epoch or known[3] ~= fence then
  epoch = proposed
  if not offset then
    local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    offset = last and tonumber(string.match(last[1], '^%d+')) or 0
  end
  redis.call('HSET', meta, 'epoch', epoch, 'offset', offset, 'fence', fence)
end
