DROP TABLE throttles;
DROP TABLE mailed_tokens;
DROP TABLE sign_ups;
DROP TABLE invites;
