-- What is kept about somebody is found by a column when they are erased, also where it lies under another's name.
-- Whom a stored answer is about, when that is not the caller.
ALTER TABLE answers ADD COLUMN subject_id BLOB;
CREATE INDEX answers_subject ON answers (subject_id) WHERE subject_id IS NOT NULL;

-- Whom a job is about, and a keyed hash of the address that its email goes to.
ALTER TABLE jobs ADD COLUMN subject_id BLOB;
ALTER TABLE jobs ADD COLUMN recipient BLOB;
CREATE INDEX jobs_subject ON jobs (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX jobs_recipient ON jobs (recipient) WHERE recipient IS NOT NULL;

-- The request id, sealed like the address and the agent: a client may have chosen it. Earlier entries have it in
-- `request_id`, which is empty from now on.
ALTER TABLE audit ADD COLUMN request BLOB;
