-- Who has written in a chat and left it: their messages stay, and their export and their erasure find them here.
CREATE TABLE former_participants (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    chat_id uuid NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, chat_id)
);
CREATE INDEX former_participants_chat ON former_participants (chat_id);
