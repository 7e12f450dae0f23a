-- Answers with the position of a topic's log, and what came after an offset, or the last messages.
-- KEYS: stream, meta. ARGV: epoch if a new one begins, "after" or "last", the offset, how many at most.
local meta, stream = KEYS[2], KEYS[1]
local proposed, way, after, count = unpack(ARGV, 1, 4)
--@position
local seconds = tonumber(known[4] or 0)
redis.call('EXPIRE', meta, math.max(86400, math.ceil(seconds * 10)))

local oldest = now - seconds * 1000
count = tonumber(count)
local first = math.max(1, way == 'last' and offset - count + 1 or after + 1)
local entries = {}
while first <= offset and count > 0 do
  local found = redis.call('XRANGE', stream, string.format('%d-0', first), '+', 'COUNT', count)
  if #found == 0 then break end
  for _, entry in ipairs(found) do
    first = tonumber(string.match(entry[1], '^%d+')) + 1
    -- Those that are too old do not count.
    if tonumber(entry[2][6]) > oldest then
      table.insert(entries, first - 1)
      table.insert(entries, entry[2][2])
      count = count - 1
    end
  end
end
return { epoch, offset, entries }
