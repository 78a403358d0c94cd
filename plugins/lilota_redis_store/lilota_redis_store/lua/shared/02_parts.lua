-- Parts: what grows with the number of tasks is kept in parts, each for many ids in a row; and how writes are sent.

-- Redis moves a collection that outgrows its table little by little, while it is used. A million members make
-- commits dearer by half, for as long as some hundred thousand more are added.
local PART_SIZE = 16384

local function part_of(id)
    return (id - id % PART_SIZE) / PART_SIZE
end

-- A table that makes what it has not got. So names are put together once and not for each task: that would be a good
-- part of the time of a script.
local function remembered(make)
    return setmetatable({}, {
        __index = function(made, part)
            made[part] = make(part)
            return made[part]
        end
    })
end

-- Values by id: a hash for each part. Gives the keys of the parts by their numbers.
local function hash_in_parts(name)
    return remembered(function(number)
        return PREFIX .. name .. ':' .. number
    end)
end

local TASKS = hash_in_parts('tasks')

-- The values of many ids; false for those that are not there.
local function read_ids(hash, ids)
    local ids_of, places_of, values = {}, {}, {}
    for place = 1, #ids do
        local number = part_of(ids[place])
        local some, places = ids_of[number], places_of[number]
        if not some then
            some, places = {}, {}
            ids_of[number], places_of[number] = some, places
        end
        some[#some + 1], places[#places + 1] = ids[place], place
    end
    for number, places in pairs(places_of) do
        local read = read_many(hash[number], ids_of[number])
        for i = 1, #places do
            values[places[i]] = read[i]
        end
    end
    return values
end

-- The keys of parts of indexes: the index and the number of each.
local index_parts = {}

-- Ids in an order: a sorted set for each part, and under the name of the index the numbers of its parts, each with the
-- lowest score in it. Gives the keys of the parts by their numbers.
local function index_in_parts(name)
    local index = remembered(function(number)
        local key = PREFIX .. name .. ':' .. number
        index_parts[key] = {PREFIX .. name, number}
        return key
    end)
    index.name = name
    return index
end

-- Call look(key) for the parts of an index whose lowest score is in a range, until it returns true.
local function look_at_parts(index, command, from, to, look)
    local seen, step = 0, 4
    repeat
        local numbers = redis.call(command, PREFIX .. index.name, from, to, 'LIMIT', seen, step)
        for _, number in ipairs(numbers) do
            if look(index[number]) then
                return
            end
        end
        seen = seen + #numbers
    until #numbers < step
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

-- Changes of the counts of tasks, by the name of their index.
local counted = {}

local function count(index, change)
    counted[index.name] = (counted[index.name] or 0) + change
end

-- After a change of a part, its index says where it begins, or no longer has it.
local function note_part(key, index, number)
    local lowest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    if lowest then
        redis.call('ZADD', index, lowest, number)
    else
        redis.call('ZREM', index, number)
    end
end

local function flush()
    local writes, counts = queued, counted
    queued, counted = {}, {}
    for command, keys in pairs(writes) do
        for key, arguments in pairs(keys) do
            call_many(command, key, arguments)
        end
    end
    for _, keys in pairs(writes) do
        for key in pairs(keys) do
            if index_parts[key] then
                note_part(key, unpack(index_parts[key]))
            end
        end
    end
    for name, change in pairs(counts) do
        redis.call('HINCRBY', COUNTS, name, change)
    end
end
