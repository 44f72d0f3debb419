#!/usr/bin/env python3
"""What permessage-deflate (RFC 7692) would save on the frames of a running server, and what it would cost.

    RATE_LIMIT_FACTOR=1000 DATA_DIR=/tmp/deflate PORT=8085 target/release/clowder serve &
    bench/deflate.py http://127.0.0.1:8085

Five people talk in a group, in sentences of docs/; one of them listens. A stream (`GET /api/stream`) has the frames of a
socket, octet for octet, so no client for WebSockets is needed.
"""

import json, pathlib, random, re, sys, threading, time, urllib.request, zlib

API = sys.argv[1]
MESSAGES = 600


def call(method, path, body=None, access=None):
    headers = {"content-type": "application/json"}
    if access:
        headers["authorization"] = f"Bearer {access}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(API + path, data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


def sentences():
    docs = pathlib.Path(__file__).parent.parent / "docs"
    text = " ".join(re.sub(r"[`*|#]", "", page.read_text()) for page in sorted(docs.glob("*.md")))
    return [one.strip() for one in re.split(r"(?<=[.!?])\s+", text) if 4 < len(one) < 400]


def listen(access, frames, ready):
    request = urllib.request.Request(API + "/api/stream", headers={"authorization": f"Bearer {access}", "accept": "text/event-stream"})
    with urllib.request.urlopen(request) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                frames.append(line[6:].rstrip(b"\n"))
                ready.set()


def talk():
    run, chance, texts = f"{random.randrange(1 << 40):x}", random.Random(7), sentences()
    people = [call("POST", "/api/auth/register", {"username": f"p{n}-{run}", "email": f"p{n}-{run}@example.org", "password": "correct horse battery"}) for n in range(5)]
    chat = call("POST", "/api/chats", {"type": "group", "title": "Lunch", "participant_ids": []}, people[0]["access"])["id"]
    call("POST", f"/api/chats/{chat}/participants", {"user_ids": [one["user"]["id"] for one in people[1:]]}, people[0]["access"])
    frames, ready = [], threading.Event()
    threading.Thread(target=listen, args=(people[0]["access"], frames, ready), daemon=True).start()
    ready.wait(10)
    for _ in range(MESSAGES):
        access = chance.choice(people)["access"]
        sent = call("POST", f"/api/chats/{chat}/messages", {"content": chance.choice(texts)}, access)
        if chance.random() < 0.3:
            call("PUT", f"/api/messages/{sent['id']}/reactions/%F0%9F%91%8D", {}, chance.choice(people)["access"])
        if chance.random() < 0.5:
            call("POST", f"/api/chats/{chat}/read", {"seq": sent["seq"]}, chance.choice(people)["access"])
    while len(frames) < MESSAGES:
        time.sleep(0.1)
    time.sleep(1)
    return frames


def flushed(compressor, data):
    # The empty block at the end is not sent (RFC 7692 §7.2.1).
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def alone(level, bits=15):
    return lambda frames: [flushed(zlib.compressobj(level, zlib.DEFLATED, -bits), frame) for frame in frames]


def in_a_row(level, bits=15, memory=8):
    def pack(frames):
        one = zlib.compressobj(level, zlib.DEFLATED, -bits, memory)
        return [flushed(one, frame) for frame in frames]
    return pack


def shared(frames):
    """The part that all recipients share, compressed once; the cursor of each follows in a block that is not."""
    parts = [frame.partition(b',"cursor":"') for frame in frames]
    return [flushed(zlib.compressobj(1, zlib.DEFLATED, -15), head) + b"\0" * 5 + mark + tail for head, mark, tail in parts]


def main():
    frames = [frame for frame in talk() if b'"cursor"' in frame and b'"hello"' not in frame[:20]]
    whole = sum(map(len, frames))
    kinds = {}
    for frame in frames:
        kinds.setdefault(json.loads(frame)["type"], []).append(len(frame))
    for kind, sizes in sorted(kinds.items()):
        print(f"{kind:24} {len(sizes):5} frames of {sum(sizes) / len(sizes):6.0f} octets")
    print(f"{'all':24} {len(frames):5} frames of {whole / len(frames):6.0f} octets\n")
    print(f"{'':44} octets  share  µs of one core per frame")
    for name, pack in [
        ("each frame alone, level 1", alone(1)),
        ("each frame alone, level 6", alone(6)),
        ("the shared part alone, level 1", shared),
        ("context takeover, level 1, 32 KiB window", in_a_row(1)),
        ("context takeover, level 6, 32 KiB window", in_a_row(6)),
        ("context takeover, level 1, 4 KiB window", in_a_row(1, 12, 5)),
    ]:
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            packed = pack(frames)
            best = min(best, time.process_time() - began)
        size = sum(map(len, packed))
        print(f"{name:44} {size / len(frames):6.0f}  {size / whole:5.0%}  {best / len(frames) * 1e6:6.1f}")


main()
