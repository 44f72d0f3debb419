-- Takes units of a rate (the generic cell rate algorithm, ITU-T I.371).
-- KEYS[1]: who is counted. ARGV: take, owe or look; nanoseconds per unit; units at once; units; nanoseconds that may be
-- owed before nothing more is. Returns whether they were taken, and the nanoseconds until everything has come back.
--
-- The key holds those nanoseconds, and when that was: seconds and microseconds. It expires when everything has come
-- back. Whole numbers up to 2^53 (104 days) are exact. If the clock goes back, no time has passed, and time is
-- measured from there on.

local ask, period, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local units, most_owed = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')

local ahead, is_back = 0, false
local held = redis.call('GET', KEYS[1])
if held then
    local was, seconds, micros = string.match(held, '^(%d+) (%d+) (%d+)$')
    if was then
        local passed = (time[1] - seconds) * 1e9 + (time[2] - micros) * 1e3
        ahead, is_back = math.max(0, was - math.max(0, passed)), passed < 0
    end
end

local room = period * burst
local taken = (ask == 'take' and ahead + units * period <= room)
    or (ask == 'owe' and ahead + period - room < most_owed)
if taken then
    ahead = math.min(ahead + units * period, 2 ^ 53)
end
if taken or is_back then
    local value = string.format('%.0f %s %s', ahead, time[1], time[2])
    redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', math.max(1, math.ceil(ahead / 1e6))))
end
return { taken and 1 or 0, ahead }
