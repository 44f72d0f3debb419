#!/usr/bin/env bash
# Measures two builds of the server against each other, turn by turn on the same databases' kinds, so that what changes on
# the machine meanwhile concerns both. Prints the medians of each workload, and their ratio.
#
#     FSYNC=on scripts/with-services bench/turns.sh BEFORE AFTER        (two server binaries)
#
# Environment variables: SECS (5) per cell, ROUNDS (4). A build reads `config/default.toml` of the current folder, so each
# server runs in an empty one.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TEST_POSTGRES_URL:?run me as: FSYNC=on scripts/with-services bench/turns.sh BEFORE AFTER}" "${SECS:=5}" "${ROUNDS:=4}"
declare -A binary=([before]=$(realpath "$1") [after]=$(realpath "$2"))

source bench/common.sh
results=$work/results.jsonl
adapter ours "$port" >"$work/plain.toml"
sed '/^\[send\]/a headers = ["Idempotency-Key: {txn}"]' "$work/plain.toml" >"$work/keyed.toml"

url() { [ "$1" = postgres ] && echo "${TEST_POSTGRES_URL%/*}/turns_$2" || echo "sqlite:$work/$2.db"; }
build() { # database, build, arguments
    local database=$1 build=$2
    shift 2
    (cd "$work" && exec env "${settings[@]}" DATABASE_URL="$(url "$database" "$build")" DATA_DIR="$work/data-$database-$build" \
        BIND="127.0.0.1:$port" "${binary[$build]}" "$@")
}
start() {
    build "$1" "$2" serve >"$work/server.log" 2>&1 &
    server=$!
    until_up "$port" /api/health/ready "$server" "$work/server.log"
}
measure() { # database, build, adapter, workload, more options
    "$loadgen" --adapter "$work/$3.toml" --world "$work/$1-$2.json" --name "$1 $2" --workload "$4" --secs "$SECS" \
        --pid "$server" --out "$results" "${@:5}" >/dev/null
}

for build in before after; do
    psql -Xq "$TEST_POSTGRES_URL" -c "DROP DATABASE IF EXISTS turns_$build" -c "CREATE DATABASE turns_$build"
    for database in postgres sqlite; do
        mkdir -m 700 "$work/data-$database-$build"
        build "$database" "$build" migrate >/dev/null
        start "$database" "$build"
        "$loadgen" --adapter "$work/plain.toml" --workload seed --big 20000 --world "$work/$database-$build.json" >/dev/null
        stop
    done
done
for round in $(seq "$ROUNDS"); do
    # The first of a round may find the machine in another state than the second.
    builds="before after"
    [ $((round % 2)) = 1 ] || builds="after before"
    for database in postgres sqlite; do
        for build in $builds; do
            [ "$database" = sqlite ] || psql -Xq "$TEST_POSTGRES_URL" -c CHECKPOINT
            start "$database" "$build"
            measure "$database" "$build" plain w2 --conns 16
            measure "$database" "$build" plain w3 --conns 16
            measure "$database" "$build" plain w4 --conns 64
            measure "$database" "$build" keyed w4 --conns 64 --label w4-keyed
            measure "$database" "$build" plain w5
            stop
        done
    done
done
python3 - "$results" <<'PYTHON'
import collections, json, statistics, sys
rates = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    database, build = row["peer"].split()
    rates[row["workload"], database, build].append(row["ok_per_s"])
for workload, database in sorted({key[:2] for key in rates}):
    before, after = (statistics.median(rates[workload, database, build]) for build in ("before", "after"))
    print(f"{workload:9} {database:9} {before:9.0f} /s before {after:9.0f} /s after   {after / before:.2f}×")
PYTHON
