DROP TABLE username_claims;
