--- The programs in `examples/` print what they promise.
-- Those that only sleep run on the virtual clock, so the times in their output are exact.

local example = require "spec.support.example"

describe("the example", function()
  it("hello prints nothing before its coroutine object is run", function()
    assert.equal([[
a coroutine object:	true
boom
shakaka
]], example.run("hello"))
  end)

  it("run_result prints what its main function returned", function()
    assert.equal("hello, world\n", example.run("run_result"))
  end)

  it("chain hands the result of one phase to the next", function()
    assert.equal([[
in outer
waiting for result1
in phase1
waiting for result2
in phase2
(result1; result2, made from result1)
]], example.run("chain"))
  end)

  it("before_after awaits a call to its end", function()
    assert.equal("before\nadd one call\nafter\n", example.run("before_after"))
  end)

  it("timer measures what it awaits", function()
    assert.equal("result:\tfoo\nspent:  1.0 s\n", example.run("timer"))
  end)

  it("grep sends lines to a coroutine, plain or with waits", function()
    local shown = [[
  0 1 1 2 3 5 8 13
  a line about lua
  luarocks has lua in it, too
  no more lua
]]
    assert.equal("plain:\n" .. shown .. "in a task, a tenth of a second for each step:\n" .. shown ..
      "  it took 1.2 s\n", example.run("grep"))
  end)

  it("context_manager closes what it opened, after an error too", function()
    assert.equal([[
an object:
  open lua.org
  lua.org/about: 200 OK
  close lua.org
a function:
  open luarocks.org
  luarocks.org/modules: 200 OK
  all went well
  close luarocks.org
a function, and an error:
  open example.org
  example.org/: 200 OK
  close example.org
  lost interest
many, closed in the reverse order:
  open a.example
  open b.example
  all went well
  close b.example
  all went well
  close a.example
]], example.run("context_manager"))
  end)

  it("async_iterator loops over steps that wait", function()
    assert.equal([[
3 2 1 go!
list:	2 4 6 8
map: 	2	4	6	8
set: 	true	true	true
left at	3
RED
GREEN
BLUE
]], example.run("async_iterator"))
  end)

  it("loop makes, uses and closes a loop by hand", function()
    assert.equal([[
starting coroutine
entering event loop
in coroutine
it returned: result
closing event loop
]], example.run("loop"))
  end)

  it("plain_functions calls in the order of their times", function()
    assert.equal([[
0.0 s  call_soon, in the next turn
0.0 s  call_soon_threadsafe, which wakes a sleeping loop too
0.1 s  call_later, in 0.1 s
0.2 s  call_later, in 0.2 s
0.3 s  call_at, the time is the loop's own clock
cancelled:	true
]], example.run("plain_functions"))
  end)

  it("future turns a callback into a result or an error", function()
    assert.equal([[
Paris	Lima
false	no such country: Atlantis
]], example.run("future"))
  end)

  it("tasks runs two sleeps in the time of one", function()
    assert.equal("yep yoho\nafter 1 s\n", example.run("tasks"))
  end)

  it("lifecycle shows each state of a task, and all tasks by name", function()
    local printed = example.run("lifecycle")
    assert.equal([[
created    coroutine object, suspended
scheduled  Task<name=worker, state=pending>
running    Task<name=worker, state=running>
waiting    Task<name=worker, state=pending, at=examples/lifecycle.lua:10>
done       Task<name=worker, state=finished>
result     finished work
sleeper 01, sleeper 02, sleeper 03, sleeper 04, sleeper 05, ]] .. [[
sleeper 06, sleeper 07, sleeper 08, sleeper 09, sleeper 10
still there after 2 s: 0
]], (printed:gsub("state=running, at=[^>]*", "state=running")))
  end)

  it("cancellation tells a careful, a tidy and a stubborn task apart", function()
    assert.equal([[
careful:  cancelled: time to go
careful:  cleaned up
          cancelled = true, CancelledError: time to go
tidy:     cleaned up
          cancelled = true, CancelledError: time to go
stubborn: cancelled? I go on
          cancelled = false, done all the same
]], example.run("cancellation"))
  end)

  it("shutdown leaves no task behind, by hand or by run", function()
    local program = [[
main is done, 4 tasks still run
task 1 stops
task 2 stops
task 3 stops
talkative stops
]]
    assert.equal("-- by hand\n" .. program .. "-- by run\n" .. program .. "nothing is left\n",
      example.run("shutdown"))
  end)

  it("gather_errors waits for the same jobs in six ways", function()
    assert.equal([[
gather raises the first error, while the other jobs run on:
  job 3 failed
gather with return_exceptions gives errors among the results:
  good job 1
  good job 2
  bad  job 3 failed
  good job 4
  good job 5
  bad  job 6 failed
  good job 7
  good job 8
  bad  job 9 failed
  good job 10
wait_for gives each job half a second:
  good job 1
  good job 2
  bad  job 3 failed
  good job 4
  bad  TimeoutError: timed out after 0.45 s
  bad  TimeoutError: timed out after 0.45 s
  bad  TimeoutError: timed out after 0.45 s
  bad  TimeoutError: timed out after 0.45 s
  bad  TimeoutError: timed out after 0.45 s
  bad  TimeoutError: timed out after 0.45 s
timeout gives a whole block one second:
  job 1, job 2, job 4
  timed out: true
as_completed gives jobs as they finish, until the time is over:
  job 1
  job 2
  job 3 failed
  job 4
  TimeoutError: timed out after 0.45 s (limit set at examples/gather_errors.lua:61)
a TaskGroup cancels the rest at the first failure, and raises all there were:
  ExceptionGroup: unhandled errors in a TaskGroup (2 errors)
    1. job 3 failed
    2. TimeoutError: timed out after 0.3 s
]], example.run("gather_errors"))
  end)

  it("crawler fetches every page once, two at a time", function()
    assert.equal([[
0 fetched, 1 waiting
1 fetched, 0 waiting
3 fetched, 0 waiting
4 fetched, 0 waiting
6 fetched, 0 waiting
fetched: home news shop help archive cart today
]], example.run("crawler"))
  end)

  it("rate_server answers a thousand clients at once with 1024 descriptors each side", function()
    local printed, code = example.shell(("ulimit -n 1024; exec '%s' examples/rate_server.lua")
      :format(example.interpreter()))
    assert.equal(0, code, printed)
    local shape = printed:gsub("%d+%.%d+ s", "N s"):gsub("%d+ answers/s", "N answers/s")
      :gsub("port %d+", "port N")
    assert.equal([[
rate server:    127.0.0.1 port N
clients served: 1000, at most 1000 at once
questions:      20000, answered wrong: 0
time:           N s, N answers/s
]], shape)
  end)
end)
