DROP TABLE report_files;
