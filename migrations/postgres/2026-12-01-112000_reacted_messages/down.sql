DROP INDEX messages_reacted;
