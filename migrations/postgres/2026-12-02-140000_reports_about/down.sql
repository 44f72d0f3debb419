DROP INDEX reports_reported;
CREATE INDEX reports_reported ON reports (reported_id);
DROP INDEX reports_about;
