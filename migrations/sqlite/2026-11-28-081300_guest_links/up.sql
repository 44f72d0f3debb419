-- The link by which somebody asks to be let in: if it is revoked, it gives them no role.
ALTER TABLE chat_guests ADD COLUMN link_id BLOB;
