DROP TABLE file_totals;
DROP TABLE file_usage;
DROP TABLE files;
DROP TABLE file_objects;
