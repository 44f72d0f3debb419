DROP TABLE webhook_topics;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_queues;
DROP TABLE webhooks;
