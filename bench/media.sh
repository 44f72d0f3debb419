#!/usr/bin/env bash
# Files, beside programs that do only a part of it, turn by turn, ROUNDS (5) times:
# - an upload of LARGE (100000000) octets into the folder, beside `cat > file; sync file`;
# - its download, and downloads of SMALL (4096) octets for SECS (5) seconds, beside nginx with the same files;
# - all thumbnails of a JPEG of 12 megapixels, beside libvips, which makes the same ones;
# and what UPLOADS (50) uploads at once do to the p99 of the own profile, and to the memory of the server.
#
# nginx is the system's, or Debian's, which is unpacked into the target folder; libvips comes from PyPI. What cannot be had
# is left out, and this says so. On SQLite, so that nothing else is needed. CLOWDER_BIN names another build of the server;
# otherwise a release is built. OUT is where the rows go.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
: "${ROUNDS:=5}" "${LARGE:=100000000}" "${SMALL:=4096}" "${SECS:=5}" "${UPLOADS:=50}"

source bench/common.sh
clowder=$(clowder)
results=${OUT:-$work/results.jsonl}
trap 'stop; kill ${crowd[@]+"${crowd[@]}"} ${nginx:-} 2>/dev/null || true; wait; rm -rf "$work"' EXIT
crowd=() nginx=

row() { # peer, workload, seconds, more members
    echo "{\"peer\":\"$1\",\"workload\":\"$2\",\"secs\":$3${4:-}}" >>"$results"
}
timed() { # peer, workload, command
    local begun=$EPOCHREALTIME
    "${@:3}"
    row "$1" "$2" "$(awk "BEGIN { print $EPOCHREALTIME - $begun }")" "${octets:+,\"octets\":$octets}"
}
member() { # of a JSON document on the standard input
    python3 -c 'import json, sys; print(eval("json.load(sys.stdin)" + sys.argv[1]))' "$1"
}

env "${settings[@]}" UPLOADS_AT_ONCE=$((UPLOADS + 1)) DATA_DIR="$work/data" BIND="127.0.0.1:$port" "$clowder" serve >"$work/server.log" 2>&1 &
server=$!
until_up "$port" /api/health/ready "$server" "$work/server.log"
url=http://127.0.0.1:$port
signed_in=$(curl -sf "$url/api/auth/register" -H 'Content-Type: application/json' \
    -d '{"username":"bench","email":"bench@example.org","password":"correct horse battery"}')
token=$(member "['access']" <<<"$signed_in")
call() { curl -sf --max-time 600 -H "Authorization: Bearer $token" "$@"; }
upload() { call -o "$work/answer" -F "file=@$1;filename=file" "$url/api/files/upload"; }
uploaded() { member "['id']" <"$work/answer"; }
store() { cat "$work/large" >"$work/copy" && sync "$work/copy"; }

# nginx with the files of a folder.
mkdir "$work/served"
start_nginx() {
    local program
    program=$(scripts/debian-program nginx nginx -v) || { echo "NOT RUN: downloads beside nginx, which could not be had" >&2; return; }
    mkdir "$work/nginx"
    {
        [ "$(id -u)" != 0 ] || echo 'user root;'
        echo "daemon off; worker_processes auto; pid $work/nginx/pid; error_log $work/nginx/log;"
        echo 'events { worker_connections 1024; }'
        echo 'http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;'
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/nginx/$kind;"; done
        echo "server { listen 127.0.0.1:$((port + 1)); root $work/served; } }"
    } >"$work/nginx/conf"
    "$program" -p "$work/nginx" -c "$work/nginx/conf" 2>"$work/nginx/said" &
    nginx=$!
    until_up "$((port + 1))" / "$nginx" "$work/nginx/said"
}
start_nginx

echo "== uploads and downloads" >&2
octets=$LARGE
for _ in $(seq "$ROUNDS"); do
    # The same content again would be stored once.
    head -c "$LARGE" /dev/urandom >"$work/large"
    sync "$work/large"
    rm -f "$work/copy"
    timed cat file-upload store
    timed files file-upload upload "$work/large"
    large=$(uploaded)
    timed files file-download call -o /dev/null "$url/api/files/$large/content"
    if [ -n "$nginx" ]; then
        mv "$work/copy" "$work/served/large"
        timed nginx file-download call -o /dev/null "http://127.0.0.1:$((port + 1))/large"
    fi
    call -X DELETE "$url/api/files/$large"
done

octets=
echo "== small downloads" >&2
head -c "$SMALL" /dev/urandom >"$work/served/small"
upload "$work/served/small"
python3 - "$token" "$work/world.json" <<'PYTHON'
import json, sys
json.dump({"users": [{"id": "", "name": "bench", "password": "", "token": sys.argv[1]}]}, open(sys.argv[2], "w"))
PYTHON
adapter ours "$port" >"$work/ours.toml"
sed "s|\"/api/auth/me\"|\"/api/files/$(uploaded)/content\"|" "$work/ours.toml" >"$work/small.toml"
printf 'name = "nginx"\nhttp = "127.0.0.1:%s"\n\n[me]\npath = "/small"\n' "$((port + 1))" >"$work/nginx.toml"
load() { # adapter, peer, label, connections
    "$loadgen" --adapter "$work/$1.toml" --world "$work/world.json" --name "$2" --workload me --label "$3" --conns "$4" \
        --secs "$SECS" --pid "$server" --out "$results" >/dev/null
}
for _ in $(seq "$ROUNDS"); do
    load small files file-small 16
    [ -z "$nginx" ] || load nginx nginx file-small 16
done

echo "== thumbnails" >&2
venv=$(realpath -m "${CARGO_TARGET_DIR:-target}")/bench-vips
if [ ! -e "$venv/ready" ]; then
    rm -rf "$venv"
    { python3 -m venv "$venv" && "$venv/bin/pip" -q install 'pyvips[binary]==3.2.0' && touch "$venv/ready"; } >"$work/vips.log" 2>&1 || true
fi
if [ -e "$venv/ready" ]; then
    "$venv/bin/python" bench/thumbnails.py photo "$work/photo.jpg"
    for round in $(seq "$ROUNDS"); do
        mkdir "$work/made-$round" "$work/vips-$round"
        timed files thumbnails "$clowder" inspect-file --type image/jpeg --into "$work/made-$round" -- "$work/photo.jpg" >"$work/made" </dev/null
        [ "$(member "['Ok']['thumbnails'].__len__()" <"$work/made")" = 10 ] || { echo "there are thumbnails missing:" >&2; cat "$work/made" >&2; exit 1; }
        row vips thumbnails "$("$venv/bin/python" bench/thumbnails.py make "$work/photo.jpg" "$work/vips-$round")"
    done
else
    tail -n 3 "$work/vips.log" >&2
    echo "NOT RUN: thumbnails, because libvips could not be installed from PyPI" >&2
fi

echo "== $UPLOADS uploads at once" >&2
needed=$(((UPLOADS + 2) * LARGE / 1024)) free=$(df -Pk "$work" | awk 'NR == 2 { print $4 }')
if [ "$free" -lt "$needed" ]; then
    echo "NOT RUN: $UPLOADS uploads at once need $((needed / 1024)) MiB of disk, and $((free / 1024)) MiB are free" >&2
else
    # Until nothing is left to do of what came before.
    sleep 3
    load ours files me-without-uploads 4
    # The peak begins anew.
    { echo 5 >"/proc/$server/clear_refs"; } 2>/dev/null || true
    # Each goes on until the measurement is over. They are clients, who would be elsewhere: so they come after the server.
    one_of_many() {
        while [ ! -e "$work/enough" ]; do
            nice -n 10 curl -sf --max-time 600 -o /dev/null -H "Authorization: Bearer $token" \
                -F "file=@$work/large;filename=file" "$url/api/files/upload" || echo "curl: $?" >>"$work/failed"
        done
    }
    for _ in $(seq "$UPLOADS"); do
        one_of_many &
        crowd+=($!)
    done
    sleep 1
    load ours files me-beside-uploads 4
    touch "$work/enough"
    wait "${crowd[@]}"
    crowd=()
    [ ! -e "$work/failed" ] || { echo "uploads failed: $(sort "$work/failed" | uniq -c | tr '\n' ' ')" >&2; tail -n 5 "$work/server.log" >&2; exit 1; }
    peak=$(awk '/^VmHWM:/ { print $2 }' "/proc/$server/status")
    echo "{\"peer\":\"files\",\"workload\":\"uploads-at-once\",\"uploads\":$UPLOADS,\"octets\":$LARGE,\"peak_kb\":$peak}" >>"$results"
fi
[ -n "${OUT:-}" ] || python3 bench/ratios.py "$results" files
