"""What ``engine.rate_limiter`` has Redis do, each in one step and one round trip."""

from __future__ import annotations

SERVER_TIME = "redis.call('TIME')"
"""The one clock that all workers share."""

# Each rule is a sorted set of places, by the microsecond at which each is free again.
# A place whose call is under way stands at the latest moment possible, so that one
# whose worker died is free then. One that is given out before it is free keeps its
# moment: nobody may use it earlier.
#
# A client whose answer was lost asks once more, with the same name: what it was given
# then is given up first, or it would be nobody's until the latest moment. The moments
# that those places had kept are forgotten, so the new ones are taken to be the latest.
TAKE = """
local at = %s
local now = at[1] * 1000000 + at[2]
local wanted, hold, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local name = ARGV[4]
local function rule(i) return tonumber(ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i]) end

local again = false
for i, key in ipairs(KEYS) do
  for n = 1, wanted do
    again = redis.call('ZREM', key, name .. n) > 0 or again
  end
end
local got = wanted
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local soon = redis.call('ZCOUNT', key, '-inf', now + ahead)
  got = math.max(0, math.min(got, rule(i) - redis.call('ZCARD', key) + soon))
end
local free, wait = {}, 0
for n = 1, got do free[n] = again and now + ahead or now end
for i, key in ipairs(KEYS) do
  local amount, window = rule(i)
  local over = redis.call('ZCARD', key) + got - amount
  if over > 0 and got > 0 then
    local few = math.min(over, got)
    local old = redis.call('ZRANGE', key, over - few, over - 1, 'WITHSCORES')
    for n = 1, few do
      redis.call('ZREM', key, old[2 * n - 1])
      free[got - few + n] = math.max(free[got - few + n], tonumber(old[2 * n]))
    end
  end
  for n = 1, got do redis.call('ZADD', key, now + hold + window, name .. n) end
  if got > 0 then
    redis.call('PEXPIRE', key, math.ceil((hold + window) / 1000) + 1000)
  end
  local full = redis.call('ZCARD', key) - amount
  if got < wanted and full >= 0 then
    local next = tonumber(redis.call('ZRANGE', key, full, full, 'WITHSCORES')[2])
    wait = math.max(wait, math.min(next, now + window) - ahead / 2 - now)
  end
end
return {now, wait, free}
"""
RELEASE = """
local at = %s
local now = at[1] * 1000000 + at[2]
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i])
  for n = #KEYS + 1, #ARGV, 3 do
    local place, free, age = ARGV[n], tonumber(ARGV[n + 1]), tonumber(ARGV[n + 2])
    if age >= 0 then free = now - age + window end
    redis.call('ZADD', key, free, place)
  end
  if redis.call('PTTL', key) < window / 1000 then
    redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
  end
end
"""

FORGET = """
for _, key in ipairs(KEYS) do redis.call('ZREM', key, unpack(ARGV)) end
"""
