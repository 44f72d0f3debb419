-- Names by the terms that the field uses.
ALTER TABLE chats RENAME COLUMN founder_id TO creator_id;
ALTER TABLE chats RENAME COLUMN slowest_id TO lowest_reader_id;
ALTER TABLE chats RENAME COLUMN slowest_seq TO lowest_read_seq;
ALTER TABLE chats RENAME COLUMN second_seq TO second_lowest_read_seq;
DROP INDEX chats_founder;
CREATE INDEX chats_creator ON chats (creator_id) WHERE creator_id IS NOT NULL;
UPDATE jobs SET kind = 'account.email' WHERE kind = 'account.letter';
