#!/bin/sh
# Usage: run.sh prepare WORLD.json | run.sh serve
# NAMES: a file with more people (bench/people.py names).
# Needs PostgreSQL and Redis already up: PGHOST PGPORT PGUSER PGDATABASE REDIS_URL.
# PEER_MODE=asgi  (default) one gunicorn, WORKERS uvicorn workers, REST and WS on PORT
# PEER_MODE=split gunicorn gthread WSGI for REST on PORT, uvicorn workers for WS on WSPORT
set -eu
cd "$(dirname "$0")"
: "${VENV:=.venv}" "${HOST:=127.0.0.1}" "${PORT:=8000}" "${WSPORT:=8001}" "${WORKERS:=2}" "${THREADS:=8}"
: "${PEER_MODE:=asgi}" "${PGDATABASE:=peer_django}" "${PGHOST:=127.0.0.1}" "${PGPORT:=5432}" "${PGUSER:=postgres}"
CTL=--no-control-socket
export PEER_MODE PGDATABASE PGHOST PGPORT PGUSER PYTHONDONTWRITEBYTECODE=1
[ -d "$VENV" ] || { python3 -m venv "$VENV" && "$VENV/bin/pip" -q install -r requirements.txt; }
case "$1" in
prepare)
  psql -d postgres -qc "DROP DATABASE IF EXISTS $PGDATABASE" -c "CREATE DATABASE $PGDATABASE"
  "$VENV/bin/python" manage.py migrate -v0
  "$VENV/bin/python" manage.py seed_world --users "${USERS:-5000}" --big "${BIG:-100000}" --groups 100 ${NAMES:+--people "$NAMES"} --out "$2" ;;
serve)
  if [ "$PEER_MODE" = asgi ]; then
    exec "$VENV/bin/gunicorn" peer.asgi:application -k peer.worker.Worker -w "$WORKERS" -b "$HOST:$PORT" --backlog 4096 $CTL
  fi
  "$VENV/bin/gunicorn" peer.asgi:application -k peer.worker.Worker -w "$WORKERS" -b "$HOST:$WSPORT" --backlog 4096 $CTL &
  ws=$!
  "$VENV/bin/gunicorn" peer.wsgi:application -k gthread --threads "$THREADS" -w "$WORKERS" -b "$HOST:$PORT" --backlog 4096 --keep-alive 75 $CTL &
  rest=$!
  trap 'kill $ws $rest; wait' INT TERM
  wait ;;
esac
