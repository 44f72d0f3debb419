-- Work that is slow or may fail, ordered in the transaction that wants it and done later.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    -- Sealed: what a job carries may be personal or secret.
    payload BLOB NOT NULL,
    -- Of several jobs with one key, one waits at a time.
    key TEXT,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    lease_id BLOB,
    lease_until INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    dead_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (run_at) WHERE dead_at IS NULL;
CREATE UNIQUE INDEX jobs_key ON jobs (key) WHERE key IS NOT NULL AND dead_at IS NULL;

-- When the jobs that come back by themselves are due next.
CREATE TABLE crons (
    name TEXT NOT NULL PRIMARY KEY,
    schedule TEXT NOT NULL,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
