#!/usr/bin/env bash
# Measures the server against a Django peer on one PostgreSQL, turn by turn in one run, and prints the ratios.
#
# `make bench` starts the services (durable ones: FSYNC=on). CLOWDER_BIN names another build of the server. Environment variables:
# SECS (8) per cell, STEADY (60) seconds for the 99th percentile of sends at a fixed rate, ROUNDS (2), IDLE (10000) sockets, RATE (100) sends per second of w8,
# BIG (100000) messages of history, PEOPLE (100000) with random names besides the 1,000 users, SERVERS ("postgres sqlite asgi split bare"): ours on either database, the peer in either
# mode, and a server that checks and keeps nothing. After each turn of ours the durable sends are measured once more with group commit off (DATABASE_BATCH=1).
set -euo pipefail
cd "$(dirname "$0")/.."

: "${TEST_POSTGRES_URL:?run me as: FSYNC=on scripts/with-services bench/run.sh}" "${TEST_REDIS_URL:?}"
: "${SECS:=8}" "${STEADY:=60}" "${ROUNDS:=2}" "${IDLE:=10000}" "${RATE:=100}" "${BIG:=100000}" "${PEOPLE:=100000}" "${SERVERS:=postgres sqlite asgi split bare}"
say() { printf '\n== %s\n' "$*" >&2; }

say "build"
source bench/common.sh
clowder=$(clowder)
cargo bench --quiet --package clowder-infra --bench store --bench sizes --bench timers --bench search --no-run
cargo bench --quiet --package clowder-infra-push --bench encryption --no-run
cargo build --release --quiet --manifest-path bench/bare/Cargo.toml
bare=${CARGO_TARGET_DIR:-bench/bare/target}/release/bare

[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge $((IDLE + 1000)) ] || { IDLE=400; echo "few open files allowed: w7 with $IDLE sockets" >&2; }

results=bench/results/$(date -u +%Y-%m-%dT%H%M%S).jsonl
mkdir -p bench/results
adapter ours "$port" >"$work/ours.toml"
# The same, with a new key for each send.
sed '/^\[send\]/a headers = ["Idempotency-Key: {txn}"]' "$work/ours.toml" >"$work/keyed.toml"
adapter django "$port" >"$work/asgi.toml"
sed "s|^kind = \"ws\"|&\naddr = \"127.0.0.1:$((port + 1))\"|" "$work/asgi.toml" >"$work/split.toml"

# Ours: one database of its own on the same PostgreSQL, or one file.
psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_ours' -c 'CREATE DATABASE bench_ours'
declare -A url=([postgres]="${TEST_POSTGRES_URL%/*}/bench_ours" [sqlite]="sqlite:$work/sqlite.db")
start_ours() { # postgres | sqlite, more settings
    env "${settings[@]}" "${@:2}" DATABASE_URL="${url[$1]}" DATA_DIR="$work/data-$1" BIND="127.0.0.1:$port" \
        "$clowder" serve >"$work/server.log" 2>&1 &
    server=$!
    until_up "$port" /api/health/ready "$server" "$work/server.log"
}

# The peer, if its packages can be installed.
PGHOST=$(sed 's|.*@\([^:/]*\).*|\1|' <<<"$TEST_POSTGRES_URL") PGPORT=$(sed 's|.*:\([0-9]*\)/.*|\1|' <<<"$TEST_POSTGRES_URL")
PGUSER=$(sed 's|.*//\([^:@]*\).*|\1|' <<<"$TEST_POSTGRES_URL") PGPASSWORD=$(sed 's|.*//[^:]*:\([^@]*\)@.*|\1|' <<<"$TEST_POSTGRES_URL")
export REDIS_URL=$TEST_REDIS_URL VENV=$PWD/${CARGO_TARGET_DIR:-target}/bench-venv
peer=(env "PGHOST=$PGHOST" "PGPORT=$PGPORT" "PGUSER=$PGUSER" "PGPASSWORD=$PGPASSWORD" USERS=1000 "BIG=$BIG" "PORT=$port" "WSPORT=$((port + 1))")
prepare_peer() {
    if [ ! -x "$VENV/bin/gunicorn" ]; then
        rm -rf "$VENV"
        python3 -m venv "$VENV" && "$VENV/bin/pip" -q install -r bench/peer-django/requirements.txt || { rm -rf "$VENV"; return 1; }
    fi
    python3 bench/people.py names "$work/names" "$PEOPLE" &&
        "${peer[@]}" "NAMES=$work/names" bench/peer-django/run.sh prepare "$work/peer.json" &&
        python3 bench/people.py seek "$work/peer.json" "$PEOPLE"
}

say "fill"
for database in postgres sqlite; do
    [[ " $SERVERS " == *" $database "* ]] || continue
    mkdir -p "$work/data-$database"
    env DATABASE_URL="${url[$database]}" DATA_DIR="$work/data-$database" "$clowder" migrate >/dev/null
    python3 bench/people.py fill "${url[$database]}" "$PEOPLE"
    start_ours "$database"
    "$loadgen" --adapter "$work/ours.toml" --workload seed --big "$BIG" --world "$work/$database.json"
    stop
    python3 bench/people.py befriend "${url[$database]}"
    python3 bench/people.py subscribe "${url[$database]}"
    python3 bench/people.py seek "$work/$database.json" "$PEOPLE"
done
if [[ " $SERVERS " == *" asgi "* || " $SERVERS " == *" split "* ]] && ! prepare_peer >"$work/peer.log" 2>&1; then
    tail -n 5 "$work/peer.log" >&2
    echo "NOT RUN: the Django peer could not be installed or filled; measuring ours alone" >&2
    SERVERS=${SERVERS//asgi/} SERVERS=${SERVERS//split/}
fi

start() {
    case $1 in
    postgres | sqlite) start_ours "$1" ;;
    bare) "$bare" "127.0.0.1:$port" "$work/$first.json" >"$work/server.log" 2>&1 & server=$!; until_up "$port" /api/auth/me "$server" "$work/server.log" ;;
    *) "${peer[@]}" "PEER_MODE=$1" bench/peer-django/run.sh serve >"$work/server.log" 2>&1 & server=$!; until_up "$port" /api/chats/ "$server" "$work/server.log" ;;
    esac
}
measure() { # server, workload, more options
    local name=$1 workload=$2 adapter world
    shift 2
    if [ "${1:-}" = keyed ]; then
        shift
        "$loadgen" --adapter "$work/keyed.toml" --world "$work/$name.json" --name "$name" --workload "$workload" \
            --secs "$SECS" --pid "$server" --dbpid "${CLOWDER_SERVICE_PIDS:-}" --out "$results" "$@" >/dev/null ||
            echo "$name $workload with keys failed" >&2
        return
    fi
    case $name in
    postgres | sqlite) adapter=ours world=$name ;;
    bare) adapter=ours world=$first ;;
    *) adapter=$name world=peer ;;
    esac
    "$loadgen" --adapter "$work/$adapter.toml" --world "$work/$world.json" --name "$name" --workload "$workload" \
        --secs "$SECS" --pid "$server" --dbpid "${CLOWDER_SERVICE_PIDS:-}" --out "$results" "$@" >/dev/null ||
        echo "$name $workload failed" >&2
}

# While the row of one chat is locked for five seconds and others keep sending to it.
beside_held() { # workload, more options
    local chat holder
    chat=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["big"]["id"])' "$work/postgres.json")
    psql -Xq "${url[postgres]}" -c BEGIN -c "SELECT 1 FROM chats WHERE id = '$chat' FOR UPDATE" -c 'SELECT pg_sleep(5)' -c COMMIT >/dev/null &
    holder=$!
    SECS=3 measure postgres "$@" --held big --warmup 1
    wait "$holder"
}

# The 99th percentile of sends at a fixed rate, measured in a separate run: long, warmed up, and started after the database
# has written back the data of earlier workloads.
steady() { # server
    case $1 in
    postgres | asgi | split) psql -Xq "$TEST_POSTGRES_URL" -c CHECKPOINT ;;
    # SQLite writes its log back when the last process closes the file.
    sqlite) stop; start "$1" ;;
    esac
    SECS=$STEADY measure "$1" w8 --rate "$RATE" --warmup 10
}

sign_in() { # server, seconds, how many at a time
    "$loadgen" --adapter "$work/ours.toml" --world "$work/$1.json" --name "$1" --workload w1 --conns "$3" --secs "$2" >/dev/null
}

# The number of database queries so far.
pool_calls() { curl -s "http://127.0.0.1:$port/metrics" | awk '/^clowder_pool_wait_seconds_count/ { calls += $2 } END { print calls + 0 }'; }

# The bare server uses the users of our first database.
first=postgres
[[ " $SERVERS " == *" postgres "* ]] || first=sqlite

for round in $(seq "$ROUNDS"); do
    for name in $SERVERS; do
        say "round $round: $name"
        start "$name"
        case $name in postgres | sqlite | bare) measure "$name" me --conns 16 ;; esac
        if [ "$name" != bare ]; then
            measure "$name" w2 --conns 16
            measure "$name" w3 --conns 16
            measure "$name" friends --conns 16
            measure "$name" search --conns 16
            case $name in postgres | sqlite)
                measure "$name" relationships --conns 16
                measure "$name" profile --conns 16
                ;;
            esac
            measure "$name" w4 --conns 64
            case $name in postgres | sqlite)
                measure "$name" w4 keyed --conns 64 --label w4-keyed
                measure "$name" w4 --conns 64 --only small --label w4-small
                measure "$name" w4 --conns 64 --only channel --label w4-channel
                ;;
            esac
            # Right after many sends, without new statistics: the cost of a page must not change.
            measure "$name" w3 --conns 16 --label w3-after-sends
            steady "$name"
            if [ "$name" = postgres ]; then
                measure postgres w2 --conns 4 --label w2-quiet
                beside_held w8 --rate "$RATE" --label w8-beside-held
                beside_held w2 --conns 4 --label w2-beside-held
            fi
        fi
        measure "$name" w5
        stop
        # The cost of a socket can only be measured on a fresh server.
        start "$name"
        measure "$name" w7 --n "$IDLE"
        stop
        case $name in postgres | sqlite)
            start_ours "$name" DATABASE_BATCH=1
            measure "$name" w4 --conns 64 --label w4-unbatched
            stop
            # Signing in at the usual cost, first to have the passwords hashed at it; then the own profile, quiet and with
            # a hundred sign-ins in flight. A hash takes a good part of a second, so this needs its time.
            start_ours "$name" BCRYPT_COST=12
            sign_in "$name" 6 16
            measure "$name" w1 --conns 16 --warmup 5 --secs 20
            sleep 5
            calls=$(pool_calls)
            measure "$name" me --conns 4 --label me-quiet
            echo "{\"peer\":\"$name\",\"workload\":\"pool-calls\",\"calls\":$(($(pool_calls) - calls)),\"secs\":$SECS}" >>"$results"
            sign_in "$name" $((SECS + 6)) 100 &
            signing_in=$!
            sleep 2
            measure "$name" me --conns 4 --label me-while-signing-in
            wait "$signing_in"
            stop
            ;;
        esac
    done
done
# The store itself, without HTTP, on databases of its own.
say "the bare store"
psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_store' -c 'CREATE DATABASE bench_store'
for round in $(seq "$ROUNDS"); do
    for database in "${TEST_POSTGRES_URL%/*}/bench_store" "sqlite:$work/store.db"; do
        cargo bench --quiet --package clowder-infra --bench store -- "$database" "$SECS" >>"$results"
    done
done
# What must not depend on sizes, what happens at its time, and searches; each makes its own people.
for bench in sizes timers search; do
    psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_store' -c 'CREATE DATABASE bench_store'
    for database in "${TEST_POSTGRES_URL%/*}/bench_store" "sqlite:$work/$bench.db"; do
        cargo bench --quiet --package clowder-infra --bench "$bench" -- "$database" >>"$results"
    done
done
# Encryption for browsers, beside its bare primitive.
for round in $(seq "$ROUNDS"); do
    cargo bench --quiet --package clowder-infra-push --bench encryption >>"$results"
done
# One chat and many sockets, beside a bare server and Socket.IO; and two nodes, and everybody coming back to one of them.
say "many sockets in one chat"
if command -v npm >/dev/null; then peers="bare socketio"; else peers=bare; echo "NOT RUN: Socket.IO needs npm" >&2; fi
CLOWDER_BIN=$clowder PEERS=$peers MEMBERS=5000 MESSAGES=30 OUT=$PWD/$results bench/fanout.sh >/dev/null
CLOWDER_BIN=$clowder MEMBERS=5000 MESSAGES=30 EVERY=250 LABEL=w6-steady OUT=$PWD/$results bench/fanout.sh >/dev/null
say "two nodes"
CLOWDER_BIN=$clowder SECS=$SECS ROUNDS=$ROUNDS OUT=$PWD/$results bench/nodes.sh >/dev/null
say "files"
CLOWDER_BIN=$clowder SECS=$SECS ROUNDS=$ROUNDS OUT=$PWD/$results bench/media.sh >/dev/null
say "webhooks"
CLOWDER_BIN=$clowder SECS=$SECS ROUNDS=$ROUNDS OUT=$PWD/$results bench/webhooks.sh >/dev/null
python3 bench/ratios.py "$results"
echo "rows: $results" >&2
