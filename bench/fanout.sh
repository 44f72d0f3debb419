#!/usr/bin/env bash
# One chat of CHAT_SIZE people, of whom MEMBERS (2000) have a socket, and MESSAGES (50) sent one after the other: how long it
# takes until all are connected, and until a message has reached everybody. On SQLite, so that nothing else is needed.
#
# CLOWDER_BIN names another build of the server to compare with; otherwise a release is built.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${MEMBERS:=2000}" "${MESSAGES:=50}" "${CHAT_SIZE:=$MEMBERS}"

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
work=$(mktemp -d "${TMPDIR:-/tmp}/clowder-fanout.XXXXXX")
server=
cleanup() { [ -z "$server" ] || kill "$server" 2>/dev/null; wait 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 143' TERM INT

cargo build --release --quiet --manifest-path bench/loadgen/Cargo.toml
loadgen=${CARGO_TARGET_DIR:-bench/loadgen/target}/release/loadgen
if [ -z "${CLOWDER_BIN:-}" ]; then
    cargo build --release --quiet --package clowder-gateway --bin clowder
    CLOWDER_BIN=${CARGO_TARGET_DIR:-target}/release/clowder
fi

port=$((20000 + RANDOM % 12000))
sed "s/^http = .*/http = \"127.0.0.1:$port\"/" bench/loadgen/adapters/ours.toml >"$work/ours.toml"
env BCRYPT_COST=4 DATA_DIR="$work/data" BIND="127.0.0.1:$port" LOG=warn ACCESS_TOKEN_SECONDS=86400 RATE_LIMIT_FACTOR=1000000 \
    SECRET_KEY=for-the-benchmark-only-0123456789abcdef "$CLOWDER_BIN" serve >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 600); do
    curl -s -o /dev/null "http://127.0.0.1:$port/api/health/ready" && break
    kill -0 "$server" || { cat "$work/server.log" >&2; exit 1; }
    sleep 0.1
done

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
data["fanout"][str(members)] = {"id": chat["id"], "members": list(range(members))}
json.dump(data, open(world, "w"))
PYTHON
"$loadgen" --adapter "$work/ours.toml" --world "$work/world.json" --name "${NAME:-ours}" --workload w6 --n "$MEMBERS" --msgs "$MESSAGES" --open 64 \
    --pid "$server" ${OUT:+--out "$OUT"}
