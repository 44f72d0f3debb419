# What the benchmarks share. They read it in the root of the repository, with `source bench/common.sh`.

ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
work=$(mktemp -d "${TMPDIR:-/tmp}/clowder-bench.XXXXXX")
port=$((20000 + RANDOM % 12000))
# The processes of the servers that run.
server=
stop() { [ -z "$server" ] || { kill $server; wait $server; } 2>/dev/null || true; server=; }
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 143' TERM INT

# The settings of every server of ours that is measured, besides its database, folder and address.
export SECRET_KEY=for-the-benchmark-only-0123456789abcdef
settings=(BCRYPT_COST=4 LOG=warn ACCESS_TOKEN_SECONDS=86400 RATE_LIMIT_FACTOR=1000000)

cargo build --release --quiet --manifest-path bench/loadgen/Cargo.toml
loadgen=$(realpath "${CARGO_TARGET_DIR:-bench/loadgen/target}/release/loadgen")

# The build of the server that CLOWDER_BIN names, or a release.
clowder() {
    if [ -z "${CLOWDER_BIN:-}" ]; then
        cargo build --release --quiet --package clowder-gateway --bin clowder
        CLOWDER_BIN=${CARGO_TARGET_DIR:-target}/release/clowder
    fi
    realpath "$CLOWDER_BIN"
}

# The adapter of a server at a port.
adapter() { # name, port
    sed "s/^http = .*/http = \"127.0.0.1:$2\"/" "bench/loadgen/adapters/$1.toml"
}

# Waits until a server answers, or says why it does not.
until_up() { # port, path, process, log
    for _ in $(seq 600); do
        curl -s -o /dev/null "http://127.0.0.1:$1$2" && return
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    echo "the server did not start" >&2
    cat "$4" >&2
    exit 1
}
