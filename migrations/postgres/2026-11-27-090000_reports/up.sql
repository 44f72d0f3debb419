CREATE TABLE reports (
    id uuid NOT NULL PRIMARY KEY,
    -- NULL after the erasure of the reporter.
    reporter_id uuid REFERENCES users (id) ON DELETE SET NULL,
    target_type text NOT NULL,
    -- May be gone meanwhile, so it references nothing.
    target_id uuid NOT NULL,
    -- Who answers for the target.
    reported_id uuid REFERENCES users (id) ON DELETE SET NULL,
    category text NOT NULL,
    comment bytea,
    evidence bytea NOT NULL,
    status text NOT NULL,
    assigned_id uuid REFERENCES users (id) ON DELETE SET NULL,
    -- The latest decision. It stays while an appeal against it is open.
    action text,
    until timestamptz,
    reason bytea,
    decided_by uuid REFERENCES users (id) ON DELETE SET NULL,
    decided_at timestamptz,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
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
    id uuid NOT NULL PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    report_id uuid NOT NULL UNIQUE REFERENCES reports (id) ON DELETE CASCADE,
    target_type text NOT NULL,
    target_id uuid NOT NULL,
    category text NOT NULL,
    action text NOT NULL,
    until timestamptz,
    reason bytea,
    created_at timestamptz NOT NULL,
    appeal bytea,
    appeal_status text,
    appealed_at timestamptz,
    answer bytea,
    answered_at timestamptz
);
CREATE INDEX statements_user ON statements (user_id, id);
