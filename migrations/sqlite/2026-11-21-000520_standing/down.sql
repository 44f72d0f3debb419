DROP INDEX users_suspended;
DROP INDEX users_staff;
ALTER TABLE users DROP COLUMN suspension_reason;
ALTER TABLE users DROP COLUMN suspended_until;
