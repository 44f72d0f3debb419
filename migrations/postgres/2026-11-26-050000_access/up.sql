-- How often a used refresh token was answered again after its grace, and how many generations in a row before it were.
ALTER TABLE refresh_tokens ADD COLUMN late SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE refresh_tokens ADD COLUMN late_before SMALLINT NOT NULL DEFAULT 0;

-- Links to a copy hold this; another value ends them all.
ALTER TABLE exports ADD COLUMN link_id UUID;

-- Emails that somebody caused to addresses of others, by a keyed hash of who it was. Kept for an hour.
CREATE TABLE caused_emails (
    sender BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (sender, created_at)
);
CREATE INDEX caused_emails_created ON caused_emails (created_at);
