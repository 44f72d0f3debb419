#!/usr/bin/env bash
# One chat of CHAT_SIZE people, of whom MEMBERS (2000) have a socket, and MESSAGES (50) sent one after the other: how long it
# takes until all are connected, and until a message has reached everybody. On SQLite, so that nothing else is needed.
# Then the same sockets and as long events with the servers of PEERS ("bare socketio" or less): a bare one, and Socket.IO, which
# npm installs. ROUNDS (1) times, each server in turn. EVERY (0) is the least time between two messages, in milliseconds.
# LABEL (w6) is what the rows of OUT are called.
#
# CLOWDER_BIN names another build of the server to compare with; otherwise a release is built.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${MEMBERS:=2000}" "${MESSAGES:=50}" "${CHAT_SIZE:=$MEMBERS}" "${PEERS:=}" "${ROUNDS:=1}" "${EVERY:=0}" "${LABEL:=w6}"

source bench/common.sh
clowder=$(clowder)
for adapter in ours socketio; do adapter "$adapter" "$port" >"$work/$adapter.toml"; done
start() { # server
    local path
    case $1 in
    ours)
        env "${settings[@]}" DATA_DIR="$work/data" BIND="127.0.0.1:$port" "$clowder" serve >"$work/server.log" 2>&1 &
        path=/api/health/ready
        ;;
    bare)
        "${CARGO_TARGET_DIR:-bench/bare/target}/release/bare" "127.0.0.1:$port" "$work/world.json" "$octets" >"$work/server.log" 2>&1 &
        path=/api/auth/me
        ;;
    socketio)
        node "$work/peer/server.js" "$port" "$work/world.json" "$octets" >"$work/server.log" 2>&1 &
        path=/
        ;;
    esac
    server=$!
    until_up "$port" "$path" "$server" "$work/server.log"
}
case " $PEERS " in *" bare "*) cargo build --release --quiet --manifest-path bench/bare/Cargo.toml ;; esac
case " $PEERS " in *" socketio "*)
    cp -r bench/peer-socketio "$work/peer" && npm install --prefix "$work/peer" --no-audit --no-fund --silent >&2 ;; esac

start ours
"$loadgen" --adapter "$work/ours.toml" --workload seed --users "$MEMBERS" --senders 2 --chats 1 --chat-size 2 --big 1 --world "$work/world.json"
# A chat can only be created with fewer people; the others are added directly in the database.
python3 - "$work/data/clowder.db" "$work/world.json" "$MEMBERS" "$CHAT_SIZE" <<'PYTHON'
import json, sqlite3, sys, uuid
file, world, members, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
data = json.load(open(world))
chat = data["fanout"]["100"]
base, at = sqlite3.connect(file, timeout=20), uuid.UUID(chat["id"]).bytes
base.execute("BEGIN IMMEDIATE")
ids = [uuid.UUID(user["id"]).bytes for user in data["users"]]
# Those without a socket are copies of an account under other names.
columns = [row[1] for row in base.execute("PRAGMA table_info(users)")]
row = dict(zip(columns, base.execute("SELECT * FROM users WHERE id = ?", (ids[0],)).fetchone()))
into = f"INSERT INTO users ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
for number in range(members, size):
    copy = dict(row, id=uuid.uuid4().bytes)
    for column in ("username", "username_key", "email", "email_key"):
        copy[column] = f"copy{number}_{column}"
    base.execute(into, tuple(copy.values()))
    ids.append(copy["id"])
for user in ids:
    base.execute(
        "INSERT OR IGNORE INTO participants (chat_id, user_id, role, joined_at, read_seq, own_after_read) "
        "SELECT ?, ?, 'member', created_at, 0, 0 FROM chats WHERE id = ?", (at, user, at))
base.execute("UPDATE chats SET participant_count = ? WHERE id = ?", (size, at))
base.execute("COMMIT")
data["fanout"] = {str(members): {"id": chat["id"], "members": list(range(members))}}
json.dump(data, open(world, "w"))
PYTHON
stop
measure() { # server
    local adapter=ours
    [ "$1" != socketio ] || adapter=socketio
    start "$1"
    "$loadgen" --adapter "$work/$adapter.toml" --world "$work/world.json" --name "$1" --workload w6 --label "$LABEL" --n "$MEMBERS" --msgs "$MESSAGES" \
        --every "$EVERY" --via ws --open 64 --pid "$server" ${OUT:+--out "$OUT"} | tee "$work/report"
    stop
}
for _ in $(seq "$ROUNDS"); do
    measure ours
    octets=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["delivery_octets"] - 35)' "$work/report")
    for peer in $PEERS; do measure "$peer"; done
done
