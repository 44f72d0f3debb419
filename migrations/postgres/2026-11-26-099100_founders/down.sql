DROP INDEX chats_founder;
ALTER TABLE chats DROP COLUMN founder_id;
