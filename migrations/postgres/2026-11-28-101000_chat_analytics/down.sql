DROP TABLE chat_day_people;
DROP TABLE chat_days;
DELETE FROM reader_positions WHERE reader = 'chat_analytics';
DELETE FROM readers WHERE name = 'chat_analytics';
