-- The reports about one thing, and about what one person answers for, in the order of their list.
CREATE INDEX reports_about ON reports (target_id, id);
DROP INDEX reports_reported;
CREATE INDEX reports_reported ON reports (reported_id, id);
