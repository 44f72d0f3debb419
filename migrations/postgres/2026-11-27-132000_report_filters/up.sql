-- Each combination of filters of the list of moderators has an index, in the order of the list, so that a page reads no
-- more rows than it shows. There are few reports, and each is larger than its places in these.
CREATE INDEX reports_status_category ON reports (status, category, id);
CREATE INDEX reports_status_target ON reports (status, target_type, id);
CREATE INDEX reports_status_assigned ON reports (status, assigned_id, id);
CREATE INDEX reports_category_target ON reports (category, target_type, id);
CREATE INDEX reports_category_assigned ON reports (category, assigned_id, id);
CREATE INDEX reports_target_assigned ON reports (target_type, assigned_id, id);
CREATE INDEX reports_status_category_target ON reports (status, category, target_type, id);
CREATE INDEX reports_status_category_assigned ON reports (status, category, assigned_id, id);
CREATE INDEX reports_status_target_assigned ON reports (status, target_type, assigned_id, id);
CREATE INDEX reports_category_target_assigned ON reports (category, target_type, assigned_id, id);
CREATE INDEX reports_status_category_target_assigned ON reports (status, category, target_type, assigned_id, id);
