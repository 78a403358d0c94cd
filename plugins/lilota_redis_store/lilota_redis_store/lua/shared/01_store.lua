-- What every script begins with: is this the store that the caller opened, and what time is it?
--
-- KEYS[1]  "{prefix}:store". All other keys begin like it, so that a cluster keeps them on one node.
-- ARGV[1]  the id of the store, drawn when it was created
-- ARGV[2]  the newest schema that the caller knows
-- ARGV[3]  who changes something, "" where nobody listens; see announce()
-- ARGV[4]  what the script is asked for, as MessagePack
local about = redis.call('HMGET', KEYS[1], 'id', 'min_reader')
if about[1] ~= ARGV[1] then
    return redis.error_reply('LILOTAGONE the store that was opened is not there')
end
if tonumber(about[2]) > tonumber(ARGV[2]) then
    return redis.error_reply('LILOTAVERSION the store needs a reader of version ' .. about[2])
end

local PREFIX = string.sub(KEYS[1], 1, -6) -- without "store"
local LANES, NAMES, COUNTS = PREFIX .. 'lanes', PREFIX .. 'names', PREFIX .. 'counts'
local SCHEDULED, LEASES, RUNNERS = PREFIX .. 'scheduled', PREFIX .. 'leases', PREFIX .. 'runners'
local ABOUT = PREFIX .. 'about' -- beside RUNNERS, whose values a program of before reads as it knows them

local asked = cmsgpack.unpack(ARGV[4])

-- Instants are microseconds since the epoch: whole numbers, which Lua keeps exactly up to the year 2255.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local LATEST = 253402300799999968 -- the last instant of the year 9999 that a Lua number can hold

local function after_seconds(seconds)
    return math.min(LATEST, now + math.ceil(seconds * 1000000))
end

-- A server whose memory is full refuses the first write of a script, unless that takes something away; and then none of
-- the others. So what must go on at such a time begins by taking away nothing. (Redis 6.2 has no flag for it.)
local function write_even_if_full()
    redis.call('HDEL', KEYS[1], 'nothing')
end

-- Wake those who wait. A user without the right to publish still gets its write: it is only a hint.
local function announce()
    if ARGV[3] ~= '' then
        redis.pcall('PUBLISH', PREFIX .. 'changes', ARGV[3])
    end
end

-- Lua can hand over some thousands of arguments at a time. Even, for commands that take pairs.
local MOST = 4000

local function in_portions(list, call)
    for first = 1, #list, MOST do
        call(unpack(list, first, math.min(first + MOST - 1, #list)))
    end
end

local function call_many(command, key, arguments)
    in_portions(arguments, function(...)
        redis.call(command, key, ...)
    end)
end

-- The values of many fields of a hash; false for those that are not there.
local function read_many(key, fields)
    local values = {}
    in_portions(fields, function(...)
        local some = redis.call('HMGET', key, ...)
        for i = 1, #some do
            values[#values + 1] = some[i]
        end
    end)
    return values
end
