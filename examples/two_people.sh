#!/usr/bin/env bash
# Two people meet: register, become friends, open a chat, talk by REST, listen on a WebSocket, drop, and miss nothing.
#
#     examples/two_people.sh [URL]          (http://127.0.0.1:8080 unless said otherwise)
#
# Needs a running server (`make run`) and Python 3; the WebSocket is spoken by hand, with the standard library alone.
set -euo pipefail
exec python3 - "${1:-http://127.0.0.1:8080}" <<'PYTHON'
import base64, json, os, socket, struct, sys, urllib.error, urllib.parse, urllib.request

BASE = sys.argv[1].rstrip("/")
HOST = urllib.parse.urlparse(BASE)


def call(method, path, token=None, body=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")
    except urllib.error.URLError as error:
        sys.exit(f"no server at {BASE} ({error.reason}); start one with `make run`")


class Socket:
    """As much of RFC 6455 as a client needs to listen and to send short text."""

    def __init__(self, token, cursor=None):
        self.tcp = socket.create_connection((HOST.hostname, HOST.port or 80), timeout=10)
        self.file = self.tcp.makefile("rb")
        path = "/api/ws" + (f"?cursor={urllib.parse.quote(cursor)}" if cursor else "")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {HOST.netloc}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", f"Authorization: Bearer {token}", "", ""]
        self.tcp.sendall("\r\n".join(lines).encode())
        status = self.file.readline().decode().strip()
        if " 101 " not in status + " ":
            sys.exit(f"the server refused the WebSocket: {status}")
        while self.file.readline().strip():
            pass

    def send(self, frame):
        data, mask = json.dumps(frame).encode(), os.urandom(4)
        length = struct.pack("!B", 128 | len(data)) if len(data) < 126 else struct.pack("!BH", 128 | 126, len(data))
        self.tcp.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def next(self):
        while True:
            first, length = self.file.read(2)
            if length == 126:
                (length,) = struct.unpack("!H", self.file.read(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self.file.read(8))
            data = self.file.read(length)
            if first & 15 == 1:
                return json.loads(data)
            if first & 15 == 8:
                sys.exit(f"the server closed the WebSocket: {struct.unpack('!H', data[:2])[0]}")

    def until(self, kind):
        while True:
            frame = self.next()
            if frame["type"] == kind:
                return frame


def register(name):
    name = f"{name}-{os.urandom(6).hex()}"
    new = {"username": name, "email": f"{name}@example.org", "password": "correct horse battery"}
    answer = call("POST", "/api/auth/register", body=new)
    print(f"registered   {name}")
    return answer["access"], answer["user"]["id"]


ada, ada_id = register("ada")
bob, bob_id = register("bob")

request = call("POST", "/api/friends/request", ada, {"user_id": bob_id, "message": "We met in Turin"})
call("PUT", f"/api/friends/request/{request['id']}", bob, {"action": "accept"})
assert [friend["user"]["id"] for friend in call("GET", "/api/friends", bob)["items"]] == [ada_id]
print("friends      Ada asked, and Bob accepted")

chat = call("POST", "/api/chats", ada, {"type": "private", "participant_ids": [bob_id]})
path = f"/api/chats/{chat['id']}/messages"
print(f"opened       a private chat, {chat['id']}")

ears = Socket(bob)
hello = ears.until("hello")
print("listening    Bob has a WebSocket")

sent = call("POST", path, ada, {"content": "Hello, Bob!"})
heard = ears.until("message.sent")
assert heard["data"]["id"] == sent["id"]
print(f"REST         Ada said {sent['content']!r}, Bob heard it as number {heard['data']['seq']}")

ears.send({"id": "1", "type": "message.send", "data": {"chat_id": chat["id"], "content": "Hello, Ada!", "client_id": "bob-1"}})
# The answer to the sender and the event for everybody come in either order, perhaps with a heartbeat between them.
frames = {}
while not {"ack", "message.sent"} <= frames.keys():
    frame = ears.next()
    frames[frame["type"]] = frame
ack, cursor = frames["ack"], frames["message.sent"]["cursor"]
print(f"WebSocket    Bob said {ack['data']['content']!r}, acknowledged as number {ack['data']['seq']}")

ears.tcp.close()
for text in ("Are you there?", "Bob?"):
    call("POST", path, ada, {"content": text})
print("dropped      Bob's socket broke off; Ada went on talking")

ears = Socket(bob, cursor)
assert ears.until("hello")["data"]["resumed"]
missed = []
# What was sent just before the socket came back may follow after `resumed`, as everything new does.
while len(missed) < 2:
    frame = ears.next()
    if frame["type"] == "message.sent":
        missed.append(frame["data"]["content"])
assert missed == ["Are you there?", "Bob?"], missed
print(f"resumed      Bob missed nothing: {missed}")

group = call("POST", "/api/chats", ada, {"type": "group", "title": "Lunch", "participant_ids": [bob_id]})
assert ears.until("chat.created")["data"]["id"] == group["id"]
call("POST", f"/api/chats/{chat['id']}/read", bob, {"seq": 4})
unread = {item["id"]: item["unread_count"] for item in call("GET", "/api/chats", bob)["items"]}
assert unread == {chat["id"]: 0, group["id"]: 0}, unread
print("read         Bob is in a group with Ada now, and has read everything")
PYTHON
