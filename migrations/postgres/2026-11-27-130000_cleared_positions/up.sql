-- Up to where somebody has cleared their log, instead of when: the clocks of nodes differ. Those of before may go: what
-- they cleared is deleted, and the reader is seconds behind.
DROP TABLE activity_clearings;
CREATE TABLE activity_clearings (
    user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    cleared_at timestamptz NOT NULL,
    -- The journal whose positions these are.
    epoch uuid NOT NULL,
    heads text NOT NULL,
    audit bigint NOT NULL
);
