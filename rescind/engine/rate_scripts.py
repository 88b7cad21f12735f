"""The Redis scripts of ``engine.rate_limiter``: each is atomic, in one round trip."""

from __future__ import annotations

SERVER_TIME = "redis.call('TIME')"
"""Redis's clock: the only one that all workers share."""

# Each rule is a sorted set of places. The score is the microsecond at which the place
# is free again. While its call is under way, the score is the latest possible moment:
# if the worker dies, the place is free then. A place that is granted before it is free
# passes its moment on to the permit, which may not be used earlier.
#
# If an answer was lost, the client asks again with the same name. The script first
# removes the places that it granted under this name: otherwise they would stay taken
# until the latest moment. Their former moments are lost, so it assumes the latest ones.
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
