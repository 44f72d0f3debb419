#!/usr/bin/env python3
"""Measures how fast events reach webhooks: bench/webhooks.py SERVER_URL PID PEER [MESSAGES]

MEMBERS people of one chat have a webhook each, at a receiver in a process of its own on this machine. One person writes
MESSAGES messages as fast as they are taken: how many calls a second arrive, and how much of a core the server spends on
them, without what the same messages cost before there were webhooks. Then half as many calls a second are caused, for
SECS seconds: how long after a message was sent a call with it arrives. Prints a line of JSON for each.
"""

import asyncio
import http.client
import json
import multiprocessing
import os
import statistics
import sys
import time
import urllib.parse

MEMBERS, PORTS, SECS = int(os.environ.get("MEMBERS", 40)), 8, float(os.environ.get("SECS", 10))
PASSWORD = "correct horse battery"


class Calls(asyncio.Protocol):
    """Reads calls, notes when each arrived, and answers; as little as a receiver can do."""

    def __init__(self, noted):
        self.noted, self.read = noted, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.read += data
        while True:
            end = self.read.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.read[:end].lower()
            at = head.find(b"content-length: ") + 16
            length = int(head[at : head.find(b"\r\n", at) if b"\r\n" in head[at:] else None])
            if len(self.read) < end + 4 + length:
                return
            body = self.read[end + 4 : end + 4 + length]
            self.read = self.read[end + 4 + length :]
            self.noted.append((time.monotonic(), body))
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def receive(pipe):
    """Until the other end asks: how many calls there were, or the calls themselves, which are then forgotten."""

    async def serve():
        noted, loop = [], asyncio.get_running_loop()
        servers = [await loop.create_server(lambda: Calls(noted), "127.0.0.1", 0) for _ in range(PORTS)]
        pipe.send([server.sockets[0].getsockname()[1] for server in servers])
        while True:
            await asyncio.sleep(0.02)
            if pipe.poll():
                if pipe.recv() == "count":
                    pipe.send(len(noted))
                else:
                    pipe.send([(at, json.loads(body)["data"]["content"]) for at, body in noted])
                    noted.clear()

    asyncio.run(serve())


class Server:
    def __init__(self, url):
        self.address = urllib.parse.urlsplit(url).netloc
        self.http = http.client.HTTPConnection(self.address)

    def call(self, token, method, path, body=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self.http.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.http.getresponse()
        read = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {read.decode()}")
        return json.loads(read) if read else None


def cpu(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(url, pid, peer, messages=300):
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(there,), daemon=True)
    receiver.start()
    ports, server = here.recv(), Server(url)
    people = []
    for number in range(MEMBERS):
        name = f"hook{number}"
        new = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        people.append(server.call(None, "POST", "/api/auth/register", new))
    token = people[0]["access"]
    ids = [person["user"]["id"] for person in people[1:]]
    chat = server.call(token, "POST", "/api/chats", {"type": "group", "title": "Hooks", "participant_ids": ids})["id"]

    def say(text):
        server.call(token, "POST", f"/api/chats/{chat}/messages", {"content": text})

    def count():
        here.send("count")
        return here.recv()

    def until(calls):
        deadline = time.monotonic() + 120
        while count() < calls:
            if time.monotonic() > deadline:
                raise SystemExit(f"{count()} of {calls} calls have arrived")
            time.sleep(0.05)

    # What the messages cost by themselves.
    before = cpu(pid)
    for number in range(messages):
        say(f"plain {number}")
    plain = cpu(pid) - before
    for number, person in enumerate(people):
        place = f"http://127.0.0.1:{ports[number % PORTS]}/hook{number}"
        server.call(person["access"], "POST", "/api/webhooks", {"url": place, "event_types": ["message.sent"]})
    say("warm")
    until(MEMBERS)
    time.sleep(1)
    here.send("all")
    here.recv()

    before, begun = cpu(pid), time.monotonic()
    for number in range(messages):
        say(f"fast {number}")
    until(messages * MEMBERS)
    spent = cpu(pid) - before - plain
    here.send("all")
    took = max(at for at, _ in here.recv()) - begun
    rate, per_core = messages * MEMBERS / took, messages * MEMBERS / max(spent, 0.01)
    row = {"peer": peer, "workload": "webhooks", "deliveries_per_s": round(rate), "deliveries_per_core_s": round(per_core)}
    print(json.dumps(row | {"secs": round(took, 2), "cpu": round(spent, 2)}), flush=True)

    pause, sent, begun = MEMBERS / (min(rate, per_core) / 2), {}, time.monotonic()
    while time.monotonic() - begun < SECS:
        due = begun + len(sent) * pause
        time.sleep(max(0, due - time.monotonic()))
        sent[f"half {len(sent)}"] = time.monotonic()
        say(f"half {len(sent) - 1}")
    until(len(sent) * MEMBERS)
    here.send("all")
    delays = sorted(at - sent[text] for at, text in here.recv())
    row = {"peer": peer, "workload": "webhooks-half", "p50_ms": round(1000 * statistics.median(delays), 1)}
    print(json.dumps(row | {"p99_ms": round(1000 * delays[len(delays) * 99 // 100], 1), "calls": len(delays)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
