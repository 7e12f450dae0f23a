-- Appends a message to the log of a topic, and publishes it with its position, which is the answer.
-- KEYS: stream, meta. ARGV: message, its name, epoch if a new one begins, size, seconds, channel, "again" or "".
local meta, stream = KEYS[2], KEYS[1]
local data, name, proposed, size, seconds, channel = unpack(ARGV, 1, 6)
--@position

if ARGV[7] == 'again' then
  -- The answer to the first attempt was lost, and perhaps only that.
  local before = '+'
  repeat
    local entries = redis.call('XREVRANGE', stream, before, '-', 'COUNT', 32)
    for _, entry in ipairs(entries) do
      if entry[2][4] == name then return { epoch, tonumber(string.match(entry[1], '^%d+')) } end
      before = '(' .. entry[1]
    end
  until #entries == 0
end

offset = offset + 1
redis.call('HSET', meta, 'offset', offset, 'seconds', seconds)
redis.call('XADD', stream, 'MAXLEN', '=', size, string.format('%d-0', offset), 'd', data, 'n', name, 't', now)
redis.call('PEXPIRE', stream, math.ceil(seconds * 1000))
redis.call('EXPIRE', meta, math.max(86400, math.ceil(seconds * 10)))
redis.call('PUBLISH', channel, string.format('L%s:%d:', epoch, offset) .. data)
return { epoch, offset }
