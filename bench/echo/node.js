// TCP echo on Node: a callback per chunk, no stream machinery above it.

'use strict';

const net = require('net');

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(server.address().port);
});
