DROP TABLE file_cleaning;
