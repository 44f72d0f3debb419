DROP TABLE file_posters;
