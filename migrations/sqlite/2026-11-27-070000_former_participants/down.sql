DROP TABLE former_participants;
