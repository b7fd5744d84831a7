-- wrk sends the requests of a file one after the other, and repeats them: each comes from another reader.
-- Argument: the file. A line with one dot ends a request.
local all, last = {}, 0

-- Each thread starts at another request: setup() numbers the threads before they run.
local threads = 0
function setup(thread)
   thread:set("number", threads)
   threads = threads + 1
end

function init(arguments)
   local file = assert(io.open(arguments[1], "rb"))
   for one in file:read("*a"):gmatch("(.-)\n%.\n") do
      all[#all + 1] = one
   end
   file:close()
   last = number * 997
end

function request()
   last = last % #all + 1
   return all[last]
end
