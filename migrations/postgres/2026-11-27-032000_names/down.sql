DROP TABLE name_grams;
DROP TABLE name_index;
