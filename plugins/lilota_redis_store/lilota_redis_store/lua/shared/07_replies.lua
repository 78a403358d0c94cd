-- Replies: MessagePack, put together from pieces that are already packed.

local function pack_array(pieces)
    return struct.pack('>BI4', 0xdd, #pieces) .. table.concat(pieces)
end

-- [[lane, [queue, name]], ...] of the lanes that are keys of the table.
local function pack_lanes(used)
    local numbers, pieces = {}, {}
    for lane in pairs(used) do
        numbers[#numbers + 1] = lane
    end
    local names = read_many(LANES, numbers)
    for i = 1, #numbers do
        pieces[i] = '\146' .. cmsgpack.pack(numbers[i]) .. names[i]
    end
    return pack_array(pieces)
end

-- A text that is kept apart, packed; nil for one that is in the record, or that there is not.
local function pack_long_text(id, task, place)
    if task[place] ~= true then
        return '\192'
    end
    return cmsgpack.pack(redis.call('HGET', APART[place][part_of(id)], id))
end

-- A reply must not fill the memory of the server, however large the texts are: the rest is left to the next call.
local MOST_BYTES = 64 * 1024 * 1024

-- Rows for a reply, [id, record, long input or nil, long output or nil, length of the log or nil], already packed; only a
-- row with a long checkpoint has that one behind.
-- convert(id, task, packed) returns the record to show, packed, and the length of the log if that is to be shown; or
-- nothing for a task that is left out. Also returns the lanes of the rows, as keys, and how many ids were looked at.
-- Brief rows have no long texts: what is in the record costs little.
local function read_rows(ids, convert, is_brief)
    local records, rows, used, bytes = read_ids(TASKS, ids), {}, {}, 0
    for i, id in ipairs(ids) do
        local task = records[i] and cmsgpack.unpack(records[i])
        local record, log_length
        if task then
            record, log_length = convert(id, task, records[i])
        end
        if record then
            local texts, array, checkpoint = '\192\192', '\149', ''
            if not is_brief then
                texts = pack_long_text(id, task, INPUT) .. pack_long_text(id, task, OUTPUT)
            end
            if task[CHECKPOINT] == true and not is_brief then
                array, checkpoint = '\150', pack_long_text(id, task, CHECKPOINT)
            end
            local row = array .. cmsgpack.pack(id) .. record .. texts .. cmsgpack.pack(log_length) .. checkpoint
            rows[#rows + 1], used[task[LANE]], bytes = row, true, bytes + #row
        end
        if bytes > MOST_BYTES then
            return rows, used, i
        end
    end
    return rows, used, #ids
end

local function after_first(list, number)
    local rest = {}
    for i = number + 1, #list do
        rest[#rest + 1] = list[i]
    end
    return rest
end

-- [rows, lanes, ids that are left] of the tasks that exist among these ids, in this order.
local function pack_tasks(ids, is_brief)
    local rows, used, seen = read_rows(ids, function(_, _, packed)
        return packed
    end, is_brief)
    return '\147' .. pack_array(rows) .. pack_lanes(used) .. cmsgpack.pack(after_first(ids, seen))
end
