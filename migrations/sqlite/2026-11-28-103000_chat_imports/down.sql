DROP TABLE chat_import_authors;
DROP TABLE chat_import_refusals;
DROP TABLE chat_import_pieces;
DROP TABLE chat_imports;
