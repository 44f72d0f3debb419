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

source bench/common.sh
clowder=$(clowder)
nodes=()

psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_nodes' -c 'CREATE DATABASE bench_nodes'
for node in 0 1; do adapter ours "$((port + node))" >"$work/$node.toml"; done
export DATABASE_URL="${TEST_POSTGRES_URL%/*}/bench_nodes" REDIS_URL=$TEST_REDIS_URL
start() { # node
    env "${settings[@]}" DATA_DIR="$work/data-$1" BIND="127.0.0.1:$((port + $1))" "$clowder" serve >"$work/server-$1.log" 2>&1 &
    nodes[$1]=$!
    server="$server $!"
    until_up "$((port + $1))" /api/health/ready "$!" "$work/server-$1.log"
}
load() { # node, name, more options
    "$loadgen" --adapter "$work/$1.toml" --world "$work/world.json" --name "$2" --dbpid "${CLOWDER_SERVICE_PIDS:-}" ${OUT:+--out "$OUT"} "${@:3}"
}

DATA_DIR="$work/data-0" "$clowder" migrate >/dev/null
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
