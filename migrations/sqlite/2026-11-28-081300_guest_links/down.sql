ALTER TABLE chat_guests DROP COLUMN link_id;
