-- Answer as a claim would, and grant nothing: [[id, [queue, name]], ...] in the order of claims.
local ids, lane_of_each = {}, {}
if asked.limit > 0 then
    ids, lane_of_each = look_ahead(served_lanes(asked), asked.limit)
end
local names = remembered(function(lane)
    return redis.call('HGET', LANES, lane)
end)
local pieces = {}
for i, id in ipairs(ids) do
    pieces[i] = '\146' .. cmsgpack.pack(id) .. names[lane_of_each[i]]
end
return pack_array(pieces)
