-- wrk sends what a file holds, one request after the other, and begins again at its end: so each comes
-- from another reader. Argument: the file. A line of one dot ends a request.
local all, last = {}, 0

-- Each thread begins elsewhere: the numbers are given out before the threads run.
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
