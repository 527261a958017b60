"""The scripts of the Redis store. Each is done as a whole, and its keys have one hash tag: they are on one server.

`head` is what the keys of a collection begin with:

    <head>doc:<key>             a hash: version, body, fields, and `entries`, the places of the record in its lists
    <head>list:<list>           a sorted set, all scores 0: members are in the order of their bytes
    <head>expiring              `entries` of records that expire, by the moment (epoch ms)

A record that is gone without a word (expired, or evicted) leaves entries, which whoever meets them takes away.
"""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple

_SWEEP = """
local function sweep(head)
  repeat
    local time = redis.call('TIME')
    local due = redis.call('ZRANGEBYSCORE', head .. 'expiring', '-inf',
      '(' .. string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), 'LIMIT', 0, 1000)
    for _, packed in ipairs(due) do
      local gone = cjson.decode(packed)
      if redis.call('EXISTS', head .. 'doc:' .. gone[1]) == 0 then
        for _, entry in ipairs(gone[2]) do redis.call('ZREM', head .. 'list:' .. entry[1], entry[2]) end
      end
      redis.call('ZREM', head .. 'expiring', packed)
    end
  until #due < 1000
end
"""

# KEYS: records. What is stored of each.
_GET = """
local found = {}
for number, key in ipairs(KEYS) do
  local stored = redis.call('HMGET', key, 'version', 'body', 'fields')
  found[number] = stored[1] and stored
end
return found
"""

# KEYS: lists. ARGV: head, low, high, offset, limit (-1: all), whether descending. For each list the keys, and what is
# stored of them.
_FIND = (
    _SWEEP
    + """
local head, low, high, offset, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local descending = ARGV[6] == '1'
local function members(list)
  if limit == 0 then return {} end
  if low == '-' and high == '+' then
    local last = limit < 0 and -1 or offset + limit - 1
    return redis.call(descending and 'ZREVRANGE' or 'ZRANGE', list, offset, last)
  end
  if descending then return redis.call('ZREVRANGEBYLEX', list, high, low, 'LIMIT', offset, limit) end
  return redis.call('ZRANGEBYLEX', list, low, high, 'LIMIT', offset, limit)
end
local function documents(list)
  while true do
    local found, gone = {}, false
    for number, member in ipairs(members(list)) do
      local key = string.sub(member, string.find(member, '\\0', 1, true) + 1)
      local stored = redis.call('HMGET', head .. 'doc:' .. key, 'version', 'body', 'fields')
      if stored[1] then
        found[number] = {key, stored[1], stored[2], stored[3]}
      else
        redis.call('ZREM', list, member)
        gone = true
      end
    end
    if not gone then return found end
  end
end
sweep(head)
local all = {}
for number, list in ipairs(KEYS) do all[number] = documents(list) end
return all
"""
)

# KEYS: a list. ARGV: head, low, high.
_COUNT = (
    _SWEEP
    + """
sweep(ARGV[1])
if ARGV[2] == '-' and ARGV[3] == '+' then return redis.call('ZCARD', KEYS[1]) end
return redis.call('ZLEXCOUNT', KEYS[1], ARGV[2], ARGV[3])
"""
)

# KEYS: records. ARGV: milliseconds that they live ('': for good), then for each record: head, the version that must be
# stored ('': none), and what is stored then: version ('': nothing), body, fields, entries. The number of the first
# record that is not as it must be, else 0. All that a full server may refuse is done before anything is taken away.
# Lists end only where `expiring` is: where nothing of a collection ever does, a record that stays in its places is all.
_WRITE = """
local before, ending, moved = {}, {}, {}
for number, key in ipairs(KEYS) do
  local stored = redis.call('HMGET', key, 'version', 'entries')
  if (stored[1] or '') ~= ARGV[number * 6 - 3] then return number end
  before[number] = stored[2] or ''
end
local lives, ends = tonumber(ARGV[1]), nil
if lives then
  local time = redis.call('TIME')
  ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + lives)
end
local function outlive(list)
  local left = redis.call('PTTL', list)
  if not ends then
    if left >= 0 then redis.call('PERSIST', list) end
  elseif (left >= 0 and left < lives) or redis.call('ZCARD', list) == 1 then
    redis.call('PEXPIREAT', list, ends)
  end
end
local function places(packed)
  local listed, held = packed == '' and {} or cjson.decode(packed)[2], {}
  for _, entry in ipairs(listed) do held[entry[1]] = entry[2] end
  return listed, held
end
for number, key in ipairs(KEYS) do
  local at = number * 6 - 4
  local head, version, entries = ARGV[at], ARGV[at + 2], ARGV[at + 5]
  if ending[head] == nil then ending[head] = ends ~= nil or redis.call('EXISTS', head .. 'expiring') == 1 end
  if ending[head] or before[number] ~= entries then
    local left, held = places(before[number])
    local taken, kept = places(entries)
    moved[number] = {left, kept}
    for _, entry in ipairs(taken) do
      local list = head .. 'list:' .. entry[1]
      if ending[head] or held[entry[1]] ~= entry[2] then redis.call('ZADD', list, 0, entry[2]) end
      if ending[head] then outlive(list) end
    end
  end
  if version ~= '' then
    redis.call('HSET', key, 'version', version, 'body', ARGV[at + 3], 'fields', ARGV[at + 4], 'entries', entries)
    if ends then
      redis.call('PEXPIREAT', key, ends)
      redis.call('ZADD', head .. 'expiring', ends, entries)
      outlive(head .. 'expiring')
    elseif ending[head] then
      redis.call('PERSIST', key)
    end
  end
end
for number, key in ipairs(KEYS) do
  local at = number * 6 - 4
  local head, entries = ARGV[at], ARGV[at + 5]
  if moved[number] and before[number] ~= entries then
    local left, kept = moved[number][1], moved[number][2]
    for _, entry in ipairs(left) do
      if kept[entry[1]] ~= entry[2] then redis.call('ZREM', head .. 'list:' .. entry[1], entry[2]) end
    end
    if ending[head] then redis.call('ZREM', head .. 'expiring', before[number]) end
  end
  if ARGV[at + 2] == '' then redis.call('DEL', key) end
end
return 0
"""


class Script(NamedTuple):
    """A script, and the name that a server which has run it knows it by."""

    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> Script:
        """The script of a text."""
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


GET, FIND, COUNT, WRITE = map(Script.of, (_GET, _FIND, _COUNT, _WRITE))
