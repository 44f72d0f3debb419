DROP TABLE message_poll_votes;
DROP TABLE message_polls;
