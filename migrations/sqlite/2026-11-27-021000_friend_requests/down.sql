DROP TABLE dismissed_suggestions;
DROP TABLE friend_requests;
DROP TABLE friend_lists;
DROP INDEX friendships_since;
