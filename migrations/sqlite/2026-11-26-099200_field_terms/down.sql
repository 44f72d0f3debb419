UPDATE jobs SET kind = 'account.letter' WHERE kind = 'account.email';
DROP INDEX chats_creator;
ALTER TABLE chats RENAME COLUMN creator_id TO founder_id;
CREATE INDEX chats_founder ON chats (founder_id) WHERE founder_id IS NOT NULL;
ALTER TABLE chats RENAME COLUMN lowest_reader_id TO slowest_id;
ALTER TABLE chats RENAME COLUMN lowest_read_seq TO slowest_seq;
ALTER TABLE chats RENAME COLUMN second_lowest_read_seq TO second_seq;
