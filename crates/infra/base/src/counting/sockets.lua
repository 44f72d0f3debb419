-- Counts what somebody has open at all nodes. Each node says how many it has, and that holds until its lease ends.
-- KEYS[1]: whose they are; a hash with a field for each node. ARGV: open or hold; the node; how many it has; how many
-- all may have; milliseconds of the lease. To open fails if all have more, and then changes nothing.
-- Returns whether it was done, and how many the other nodes have.
--
-- A field holds a number, and when its lease ends, in milliseconds by the clock of Redis. If that clock goes back, leases
-- that lie too far ahead do not count; their nodes renew them.

local ask, node, count = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local others = 0
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
    if held[i] ~= node then
        local number, ends = string.match(held[i + 1], '^(%d+) (%d+)$')
        if number and tonumber(ends) > now and tonumber(ends) <= now + lease then
            others = others + number
        else
            redis.call('HDEL', KEYS[1], held[i])
        end
    end
end

if ask == 'open' and count + others > most then
    return { 0, others }
end
if count > 0 then
    redis.call('HSET', KEYS[1], node, string.format('%d %.0f', count, now + lease))
    redis.call('PEXPIRE', KEYS[1], lease)
else
    redis.call('HDEL', KEYS[1], node)
end
return { 1, others }
