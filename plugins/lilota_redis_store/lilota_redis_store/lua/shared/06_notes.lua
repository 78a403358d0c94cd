-- Notes: what is kept beside a task. Only a task that has some has these keys.

-- The hash of a task's notes by kind and name, and the sorted set that has these in the order of their bytes.
local function note_keys(id)
    return PREFIX .. 'notes:' .. id, PREFIX .. 'note_names:' .. id
end

-- Keep notes, each in the place of the one of its kind and name.
local function keep_notes(id, task, notes)
    local values, names = note_keys(id)
    for _, note in ipairs(notes) do
        local member = note.kind .. '\0' .. note.name
        queue('HSET', values, member, cmsgpack.pack(note))
        queue('ZADD', names, 0, member)
    end
    make_room(task, HAS_NOTES)
    task[HAS_NOTES] = true
end
