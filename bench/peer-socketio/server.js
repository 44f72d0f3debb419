// A server with Socket.IO 4 that checks and stores nothing: one room for each chat of the world file, one process.
//
//     node server.js PORT WORLD [OCTETS]    OCTETS: how long an event is at least

const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const [port, file, octets = "0"] = process.argv.slice(2);
const world = JSON.parse(readFileSync(file, "utf8"));
const users = new Map(world.users.map((user, index) => [user.token, index]));
const rooms = world.users.map(() => []);
for (const chat of [...world.send, ...Object.values(world.fanout)]) {
    for (const member of chat.members) rooms[member].push(chat.id);
}

let seq = 0;
const http = createServer((_request, response) => response.end("ok"));
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });
io.on("connection", (socket) => {
    socket.join(rooms[users.get(socket.handshake.auth.token) ?? 0]);
    socket.on("send", ({ chat, content, client_id }) => {
        const message = { chat_id: chat, seq: seq++, content, padding: "" };
        message.padding = "x".repeat(Math.max(0, Number(octets) - JSON.stringify(message).length));
        io.to(chat).emit("message", message);
        socket.emit("ack", client_id);
    });
    socket.emit("ready");
});
http.listen(Number(port), "127.0.0.1");
