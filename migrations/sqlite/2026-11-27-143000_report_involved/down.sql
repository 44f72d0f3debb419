DELETE FROM report_parties WHERE kind = 'involved';
ALTER TABLE report_parties DROP COLUMN kind;
