UPDATE file_totals SET octets = octets - (SELECT coalesce(sum(reserved), 0) FROM file_objects);
DROP TABLE direct_uploads;
ALTER TABLE file_objects DROP COLUMN reserved;
