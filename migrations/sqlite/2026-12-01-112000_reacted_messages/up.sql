-- Of the messages of a chat those to which somebody has reacted, for searches that ask for them.
CREATE INDEX messages_reacted ON messages (chat_id, seq) WHERE reaction_kinds > 0;
