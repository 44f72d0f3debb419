DROP TABLE chat_templates;
