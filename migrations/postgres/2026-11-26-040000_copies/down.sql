ALTER TABLE audit DROP COLUMN request;
DROP INDEX jobs_recipient;
DROP INDEX jobs_subject;
ALTER TABLE jobs DROP COLUMN recipient;
ALTER TABLE jobs DROP COLUMN subject_id;
DROP INDEX answers_subject;
ALTER TABLE answers DROP COLUMN subject_id;
