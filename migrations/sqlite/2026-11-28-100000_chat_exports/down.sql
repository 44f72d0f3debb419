DROP TABLE chat_export_pieces;
DROP TABLE chat_exports;
