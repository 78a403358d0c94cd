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
local TASKS, INPUTS, OUTPUTS = PREFIX .. 'tasks', PREFIX .. 'inputs', PREFIX .. 'outputs'
local LANES, NAMES = PREFIX .. 'lanes', PREFIX .. 'names'
local SCHEDULED, LEASES, RUNNERS = PREFIX .. 'scheduled', PREFIX .. 'leases', PREFIX .. 'runners'

local asked = cmsgpack.unpack(ARGV[4])

-- Instants are microseconds since the epoch: whole numbers, which Lua keeps exactly up to the year 2255.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local LATEST = 253402300799999968 -- the last instant of the year 9999 that a Lua number can hold

local function after_seconds(seconds)
    return math.min(LATEST, now + math.ceil(seconds * 1000000))
end

-- Wake those who wait. A user without the right to publish still gets its write: it is only a hint.
local function announce()
    if ARGV[3] ~= '' then
        redis.pcall('PUBLISH', PREFIX .. 'changes', ARGV[3])
    end
end

-- Lua can hand over some thousands of arguments at a time. Even, for commands that take pairs.
local MOST = 4000

local function call_many(command, key, arguments)
    for first = 1, #arguments, MOST do
        redis.call(command, key, unpack(arguments, first, math.min(first + MOST - 1, #arguments)))
    end
end

-- The values of many fields of a hash; false for those that are not there.
local function read_many(key, fields)
    if #fields <= MOST then
        return #fields == 0 and {} or redis.call('HMGET', key, unpack(fields))
    end
    local values = {}
    for first = 1, #fields, MOST do
        local some = redis.call('HMGET', key, unpack(fields, first, math.min(first + MOST - 1, #fields)))
        for i = 1, #some do
            values[#values + 1] = some[i]
        end
    end
    return values
end

-- Writes are put together and sent once per command and key.
local queued = {}

local function queue(command, key, first, second)
    local keys = queued[command]
    if not keys then
        keys = {}
        queued[command] = keys
    end
    local arguments = keys[key]
    if not arguments then
        arguments = {}
        keys[key] = arguments
    end
    arguments[#arguments + 1] = first
    if second then
        arguments[#arguments + 1] = second
    end
end

local function flush()
    for command, keys in pairs(queued) do
        for key, arguments in pairs(keys) do
            call_many(command, key, arguments)
        end
    end
    queued = {}
end

-- Replies are MessagePack, put together from pieces that are already packed.
local function pack_array(pieces)
    return struct.pack('>BI4', 0xdd, #pieces) .. table.concat(pieces)
end
