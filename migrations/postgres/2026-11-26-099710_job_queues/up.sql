-- Each queue takes its own kinds, and does not look at what waits in the others.
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (kind, run_at, id) WHERE dead_at IS NULL;
