DROP TABLE notification_preferences;
DROP TABLE notification_inboxes;
DROP TABLE notification_groups;
DROP TABLE notifications;
