DROP TABLE reader_positions;
DROP TABLE readers;
