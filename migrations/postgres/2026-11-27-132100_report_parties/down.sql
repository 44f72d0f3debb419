DROP INDEX pets_written_by;
ALTER TABLE pets DROP COLUMN written_by;
DROP TABLE report_parties;
