DROP TABLE push_keys;
DROP TABLE pushes;
DROP TABLE push_subscriptions;
