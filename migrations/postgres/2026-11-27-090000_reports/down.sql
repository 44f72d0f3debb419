DROP TABLE statements;
DROP TABLE reports;
