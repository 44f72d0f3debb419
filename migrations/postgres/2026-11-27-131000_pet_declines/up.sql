-- Who declined to keep a pet is left alone for a while.
CREATE TABLE pet_declines (
    -- May be gone: the row is forgotten in time.
    pet_id uuid NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    declined_at timestamptz NOT NULL,
    PRIMARY KEY (pet_id, user_id)
);
CREATE INDEX pet_declines_user ON pet_declines (user_id, pet_id);
CREATE INDEX pet_declines_at ON pet_declines (declined_at);
-- Invitations that have been open for long.
CREATE INDEX pet_keepers_since ON pet_keepers (accepted, since);
