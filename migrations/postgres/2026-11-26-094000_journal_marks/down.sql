DROP TABLE journal_marks;
