-- Who made a chat: that is whose it is when chats are counted. Of private chats from before nobody knows, and they count
-- for nobody.
ALTER TABLE chats ADD COLUMN founder_id BLOB;
UPDATE chats SET founder_id =
    (SELECT user_id FROM participants WHERE chat_id = chats.id AND role = 'owner' ORDER BY user_id LIMIT 1);
CREATE INDEX chats_founder ON chats (founder_id) WHERE founder_id IS NOT NULL;
