-- Owners: whose a task is. Only owners have these keys, and only while they have tasks.

-- OWNED[owner]: ids of an owner's tasks, whatever their state. The length of the name keeps one owner's keys apart from
-- those of another, whose name goes on like the number of a part.
local OWNED = remembered(function(owner)
    return index_in_parts('owned:' .. #owner .. ':' .. owner)
end)

-- Note whose task a new one is.
local function set_owner(id, task, owner)
    make_room(task, OWNER)
    task[OWNER] = owner
    queue('ZADD', OWNED[owner][part_of(id)], id, id)
end
