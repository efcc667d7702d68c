---@meta _

---@class asyncio
local asyncio = {}

--- Version of the addresses to use.
---@alias asyncio.Family
--- | "inet" # IPv4
--- | "inet6" # IPv6

--- Options of `open_connection`.
---@class asyncio.ConnectionOptions
---@field limit integer? bytes that `readline`, `lines` and `readuntil` look through; 65536 by default
---@field local_addr { [1]: string, [2]: integer? }? host and port to connect from
---@field family asyncio.Family? only these addresses
---@field happy_eyeballs_delay number? seconds until the next address is tried as well; 0.25 by default
---@field interleave integer? how many addresses of the first family come before they alternate; 1 by default
---@field nodelay boolean? small writes leave at once; true by default
---@field keepalive boolean? TCP keep-alive
---@field keep_alive boolean? the same as `keepalive`

--- Connects over TCP.
---@async
---@param host string name or address, IPv4 or IPv6
---@param port integer 0 to 65535
---@param options asyncio.ConnectionOptions?
---@return asyncio.StreamReader reader
---@return asyncio.StreamWriter writer
function asyncio.open_connection(host, port, options) end

--- Options of `open_unix_connection`.
---@class asyncio.UnixConnectionOptions
---@field limit integer? bytes that `readline`, `lines` and `readuntil` look through; 65536 by default

--- Connects to a unix socket.
---@async
---@param path string at most 107 bytes
---@param options asyncio.UnixConnectionOptions?
---@return asyncio.StreamReader reader
---@return asyncio.StreamWriter writer
function asyncio.open_unix_connection(path, options) end

--- Serves one client; it runs in a task of its own, and its end closes the connection.
---@alias asyncio.ClientHandler async fun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter)

--- Options of `start_unix_server`.
---@class asyncio.UnixServerOptions
---@field limit integer? limit of the clients' readers in bytes; 65536 by default
---@field backlog integer? how many connections the system holds before they are accepted; 1024 by default
---@field max_connections integer? the most clients at a time; further ones are not accepted meanwhile
---@field start_serving boolean? false: connections are refused before `server:start_serving()`

--- Options of `start_server`.
---@class asyncio.ServerOptions: asyncio.UnixServerOptions
---@field family asyncio.Family? only these addresses
---@field reuse_address boolean? SO_REUSEADDR; true by default
---@field reuse_port boolean? SO_REUSEPORT: several processes share the port
---@field keepalive boolean? TCP keep-alive on the clients' connections
---@field keep_alive boolean? the same as `keepalive`

--- Listens on TCP, and runs the handler for each client.
---@async
---@param handler asyncio.ClientHandler
---@param host string? name or address; nil for all interfaces
---@param port integer 0 to 65535; 0 takes a free one
---@param options asyncio.ServerOptions?
---@return asyncio.Server
function asyncio.start_server(handler, host, port, options) end

--- Listens on a unix socket, and runs the handler for each client.
---@async
---@param handler asyncio.ClientHandler
---@param path string at most 107 bytes
---@param options asyncio.UnixServerOptions?
---@return asyncio.Server
function asyncio.start_unix_server(handler, path, options) end

--- Makes a reader without a connection, for parsers and tests.
---@param options { limit: integer? }? bytes, as of `open_connection`
---@return asyncio.StreamReader
function asyncio.StreamReader(options) end

--- Accepts clients; closing its variable closes it and waits for their end.
---@class asyncio.Server
local Server = {}

--- One of the addresses that a server listens on.
---@class asyncio.SocketAddress
---@field host string? numeric address
---@field port integer?
---@field family asyncio.Family?
---@field path string? of a unix socket, which has no other field

--- Begins to listen and to accept clients, unless it does so already.
function Server:start_serving() end

--- Makes new clients wait until `start_serving`.
function Server:stop_accepting() end

--- Numbers of connections.
---@class asyncio.ServerStats
---@field accepted integer
---@field active integer open now
---@field refused integer closed because there was no memory or no task for them
---@field handshake_errors integer 0 without TLS
---@field handler_errors integer connections whose handler failed
---@field peer_errors integer connections whose handler ended because they were lost

--- Counts its connections by how they ended.
---@return asyncio.ServerStats
function Server:stats() end

--- Accepts clients and waits until the server is closed; a cancellation closes it.
---@async
function Server:serve_forever() end

--- Stops listening; open connections go on.
function Server:close() end

--- Waits until the server is closed and all its connections have ended.
---@async
function Server:wait_closed() end

--- Returns whether the server accepts clients.
---@return boolean
function Server:is_serving() end

--- Lists the addresses it listens on; field `n` is their number.
---@return asyncio.SocketAddress[]
function Server:sockets() end

--- Closes all connections, after sending what was written.
function Server:close_clients() end

--- Drops all connections at once.
function Server:abort_clients() end

--- Returns the server's loop, even if it is closed.
---@return asyncio.Loop
function Server:get_loop() end

--- Takes bytes from a connection.
---@class asyncio.StreamReader
local StreamReader = {}

--- How much `reader:read` reads: at most a number of bytes; everything (also with -1, or nothing); or a line.
---@alias asyncio.ReadFormat integer
---| "a" # everything up to the end
---| "l" # a line without its newline
---| "L" # a line with its newline

--- Reads some bytes, at least one: nil at the end.
---@async
---@param n asyncio.ReadFormat|nil
---@return string?
function StreamReader:read(n) end

--- Reads exactly this number of bytes; raises IncompleteReadError if there are fewer.
---@async
---@param n integer bytes
---@return string
function StreamReader:readexactly(n) end

--- Reads up to and including a separator; raises IncompleteReadError or LimitOverrunError if it does not come.
---@async
---@param separator string|string[]|nil one or any of several; a newline by default
---@param options { limit: integer? }? bytes, for this call instead of the reader's limit
---@return string
function StreamReader:readuntil(separator, options) end

--- Reads a line with its newline, which the last one may lack: nil at the end.
---@async
---@return string?
function StreamReader:readline() end

--- Walks over the lines, without their newlines: `for line in reader:lines() do`.
---@return async fun(): string?
function StreamReader:lines() end

--- Shows the next bytes without taking them; waits for the first one only.
---@async
---@param n integer bytes at most
---@return string? bytes nil at the end
function StreamReader:peek(n) end

--- Returns whether the stream has ended and everything was read.
---@return boolean
function StreamReader:at_eof() end

--- Adds bytes to a reader without a connection.
---@param data string
function StreamReader:feed_data(data) end

--- Ends the stream of a reader without a connection.
function StreamReader:feed_eof() end

--- Returns the error that broke the stream.
---@return any err nil if there is none
---@return boolean broken
function StreamReader:exception() end

--- Breaks the stream: readers get the error.
---@param err any
function StreamReader:set_exception(err) end

--- Sends bytes to a connection; closing its variable closes it and waits until everything is sent.
---@class asyncio.StreamWriter
local StreamWriter = {}

--- Sends strings, and waits in a task while too much is unsent.
---@async
---@param ... string
function StreamWriter:write(...) end

--- Sends the strings of a list, as `write` does.
---@async
---@param list string[]
function StreamWriter:writelines(list) end

--- Waits while too much is unsent; `write` does so by itself.
---@async
function StreamWriter:drain() end

--- Returns whether `write_eof` can be called.
---@return boolean
function StreamWriter:can_write_eof() end

--- Ends this direction once everything is sent; reading goes on.
function StreamWriter:write_eof() end

--- Closes the connection once what was written is sent.
function StreamWriter:close() end

--- Closes the connection at once, and drops what is unsent.
function StreamWriter:abort() end

--- Returns whether the writer is closed or about to be.
---@return boolean
function StreamWriter:is_closing() end

--- Waits until the connection is closed; raises OSError if it broke before everything was sent.
---@async
function StreamWriter:wait_closed() end

--- Returns a property of the connection: an address as host and port, or path; the number of its file descriptor.
---@param name "peername"|"sockname"|"socket"|string
---@param default any returned for an unknown property
---@return any value
---@return integer? port
function StreamWriter:get_extra_info(name, default) end

--- Sets when `write` waits: above `high` bytes unsent, until there are no more than `low`.
---@param limits { high: integer?, low: integer? }? bytes; 65536 and a quarter of `high` by default
function StreamWriter:set_write_buffer_limits(limits) end

--- Returns how much is not sent yet.
---@return integer bytes
function StreamWriter:get_write_buffer_size() end
