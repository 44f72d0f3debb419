DROP TABLE notice_addresses;
DROP TABLE notice_digests;
DROP TABLE notice_queues;
DROP TABLE notices;
DROP TABLE notice_mails;
