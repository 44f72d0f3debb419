-- Which message of its chat a change is about, so that it concerns only those who see that message; of a change by which somebody
-- enters a chat, after which message they see it. What was written before concerns everybody who follows its topic.
ALTER TABLE journal ADD COLUMN seq INTEGER;

-- Nobody asks any more whether somebody in a chat came after a message.
DROP INDEX participants_later;
