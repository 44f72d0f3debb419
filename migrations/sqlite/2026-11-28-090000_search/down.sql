DROP TABLE search_index;
DROP TABLE search_chats;
DROP TABLE message_search;
