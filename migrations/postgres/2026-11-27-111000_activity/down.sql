DROP TABLE activity_clearings;
DROP TABLE activity;
