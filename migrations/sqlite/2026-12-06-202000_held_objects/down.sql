DROP TABLE held_objects;
