-- Answers with the position of a topic's log, and what came after an offset, or the last messages.
-- KEYS: stream, meta. ARGV: epoch if a new one begins, "after" or "last", the offset, how many at most.
local meta, stream = KEYS[2], KEYS[1]
local proposed, way, after, count = unpack(ARGV, 1, 4)
--@position
local seconds = tonumber(known[4] or 0)
redis.call('EXPIRE', meta, math.max(86400, math.ceil(seconds * 10)))

local first
local oldest = now - seconds * 1000
if way == 'last' then
  first = math.max(1, offset - count + 1)
else
  first = math.max(1, after + 1)
end
local entries = {}
if first <= offset and tonumber(count) > 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, string.format('%d-0', first), '+', 'COUNT', count)) do
    if tonumber(entry[2][6]) > oldest then
      table.insert(entries, tonumber(string.match(entry[1], '^%d+')))
      table.insert(entries, entry[2][2])
    end
  end
end
return { epoch, offset, entries }
