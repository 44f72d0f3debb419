#!/usr/bin/env bash
# Measures how many calls of webhooks a second the server makes to a receiver on this machine, for each core that it uses, and
# how long after its message each arrives at half of that rate. The aims: 2,000 a second and core, and a p99 below 250 ms.
#
#     FSYNC=on scripts/with-services bench/webhooks.sh
#
# Environment variables: MEMBERS (40) with a webhook each, MESSAGES (300), SECS (10) at half of the rate, ROUNDS (3).
# CLOWDER_BIN names another build of the server; otherwise a release is built. OUT is where the rows go.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TEST_POSTGRES_URL:?run me as: FSYNC=on scripts/with-services bench/webhooks.sh}" "${ROUNDS:=3}" "${MESSAGES:=300}"

source bench/common.sh
clowder=$(clowder)
results=${OUT:-$work/results.jsonl}

for round in $(seq "$ROUNDS"); do
    for database in postgres sqlite; do
        url=sqlite:$work/$round.db
        if [ "$database" = postgres ]; then
            psql -Xq "$TEST_POSTGRES_URL" -c 'DROP DATABASE IF EXISTS bench_webhooks' -c 'CREATE DATABASE bench_webhooks'
            url=${TEST_POSTGRES_URL%/*}/bench_webhooks
        fi
        run() {
            (cd "$work" && exec env "${settings[@]}" EGRESS_ALLOW=127.0.0.0/8 DATABASE_URL="$url" \
                DATA_DIR="$work/data-$database-$round" BIND="127.0.0.1:$port" "$clowder" "$@")
        }
        mkdir -m 700 "$work/data-$database-$round"
        run migrate >/dev/null
        run serve >"$work/server.log" 2>&1 &
        server=$!
        until_up "$port" /api/health/ready "$server" "$work/server.log"
        python3 bench/webhooks.py "http://127.0.0.1:$port" "$server" "$database" "$MESSAGES" | tee -a "$results"
        stop
    done
done
