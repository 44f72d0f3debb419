DROP TABLE caused_emails;
ALTER TABLE exports DROP COLUMN link_id;
ALTER TABLE refresh_tokens DROP COLUMN late_before;
ALTER TABLE refresh_tokens DROP COLUMN late;
