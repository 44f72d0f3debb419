CREATE TABLE reports (
    id BLOB NOT NULL PRIMARY KEY,
    -- NULL after the erasure of the reporter.
    reporter_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    target_type TEXT NOT NULL,
    -- May be gone meanwhile, so it references nothing.
    target_id BLOB NOT NULL,
    -- Who answers for the target.
    reported_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    category TEXT NOT NULL,
    comment BLOB,
    evidence BLOB NOT NULL,
    status TEXT NOT NULL,
    assigned_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    -- The latest decision. It stays while an appeal against it is open.
    action TEXT,
    until INTEGER,
    reason BLOB,
    decided_by BLOB REFERENCES users (id) ON DELETE SET NULL,
    decided_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX reports_reporter ON reports (reporter_id, id);
-- How many somebody made lately.
CREATE INDEX reports_made ON reports (reporter_id, created_at);
CREATE INDEX reports_category ON reports (category, id);
CREATE INDEX reports_target ON reports (target_type, id);
CREATE INDEX reports_reported ON reports (reported_id);
CREATE INDEX reports_status ON reports (status, id);
CREATE INDEX reports_assigned ON reports (assigned_id, id);
CREATE INDEX reports_decided_by ON reports (decided_by);
CREATE INDEX reports_decided_at ON reports (decided_at) WHERE decided_at IS NOT NULL;

-- What a decision said to the person whom it concerns.
CREATE TABLE statements (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    report_id BLOB NOT NULL UNIQUE REFERENCES reports (id) ON DELETE CASCADE,
    target_type TEXT NOT NULL,
    target_id BLOB NOT NULL,
    category TEXT NOT NULL,
    action TEXT NOT NULL,
    until INTEGER,
    reason BLOB,
    created_at INTEGER NOT NULL,
    appeal BLOB,
    appeal_status TEXT,
    appealed_at INTEGER,
    answer BLOB,
    answered_at INTEGER
) STRICT;
CREATE INDEX statements_user ON statements (user_id, id);
