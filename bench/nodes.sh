#!/usr/bin/env bash
# Two nodes over PostgreSQL and Redis:
# - what a send costs in CPU with one node and with two, which share the load, in turn, ROUNDS (3) times for SECS (5) seconds;
# - how long it takes until all CLIENTS (10000) of a node that was killed are back at the other one with what they missed,
#   and what sends at the other one take meanwhile (RATE (50) a second).
#
#     FSYNC=on scripts/with-services bench/nodes.sh
#
# CLOWDER_BIN names another build of the server; otherwise a release is built.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TEST_POSTGRES_URL:?run me as: FSYNC=on scripts/with-services bench/nodes.sh}" "${TEST_REDIS_URL:?}"
: "${ROUNDS:=3}" "${SECS:=5}" "${CLIENTS:=10000}" "${RATE:=50}"

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
work=$(mktemp -d "${TMPDIR:-/tmp}/clowder-nodes.XXXXXX")
nodes=()
stop() { [ ${#nodes[@]} = 0 ] || { kill "${nodes[@]}"; wait "${nodes[@]}"; } 2>/dev/null || true; nodes=(); }
cleanup() { stop; rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 143' TERM

cargo build --release --quiet --manifest-path bench/loadgen/Cargo.toml
loadgen=${CARGO_TARGET_DIR:-bench/loadgen/target}/release/loadgen
if [ -z "${CLOWDER_BIN:-}" ]; then
    cargo build --release --quiet --package clowder-gateway --bin clowder
    CLOWDER_BIN=${CARGO_TARGET_DIR:-target}/release/clowder
fi

psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_nodes' -c 'CREATE DATABASE bench_nodes'
port=$((20000 + RANDOM % 12000))
for node in 0 1; do
    sed "s/^http = .*/http = \"127.0.0.1:$((port + node))\"/" bench/loadgen/adapters/ours.toml >"$work/$node.toml"
done
start() { # node
    env BCRYPT_COST=4 DATABASE_URL="${TEST_POSTGRES_URL%/*}/bench_nodes" REDIS_URL="$TEST_REDIS_URL" DATA_DIR="$work/data-$1" \
        BIND="127.0.0.1:$((port + $1))" LOG=warn SECRET_KEY=for-the-benchmark-only-0123456789abcdef ACCESS_TOKEN_SECONDS=86400 \
        RATE_LIMIT_FACTOR=1000000 "$CLOWDER_BIN" serve >"$work/server-$1.log" 2>&1 &
    nodes[$1]=$!
    for _ in $(seq 600); do
        curl -sf -o /dev/null "http://127.0.0.1:$((port + $1))/api/health/ready" && return
        kill -0 "${nodes[$1]}" || break
        sleep 0.1
    done
    cat "$work/server-$1.log" >&2
    exit 1
}
load() { # node, name, more options
    "$loadgen" --adapter "$work/$1.toml" --world "$work/world.json" --name "$2" --dbpid "${CLOWDER_SERVICE_PIDS:-}" ${OUT:+--out "$OUT"} "${@:3}"
}

env DATABASE_URL="${TEST_POSTGRES_URL%/*}/bench_nodes" DATA_DIR="$work/data-0" SECRET_KEY=for-the-benchmark-only-0123456789abcdef "$CLOWDER_BIN" migrate >/dev/null
start 0
"$loadgen" --adapter "$work/0.toml" --workload seed --big 1 --world "$work/world.json"
stop

for round in $(seq "$ROUNDS"); do
    echo "== round $round: one node, then two" >&2
    start 0
    load 0 "one node" --workload w4 --conns 64 --secs "$SECS" --pid "${nodes[0]}"
    stop
    start 0
    start 1
    load 0 "node 1 of 2" --workload w4 --conns 32 --threads 1 --secs "$SECS" --pid "${nodes[0]}" &
    other=$!
    load 1 "node 2 of 2" --workload w4 --conns 32 --threads 1 --secs "$SECS" --pid "${nodes[1]}"
    wait "$other"
    stop
done

echo "== everybody comes back" >&2
start 0
start 1
load 1 "beside $CLIENTS who come back" --workload w8 --rate "$RATE" --conns 16 --secs 30 --warmup 20 --pid "${nodes[1]}" &
other=$!
load 0 "back at the other node" --workload w9 --n "$CLIENTS" --open 64 --settle 10 --to "127.0.0.1:$((port + 1))" --kill "${nodes[0]}" --pid "${nodes[1]}"
wait "$other"
