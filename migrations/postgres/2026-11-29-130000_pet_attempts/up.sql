-- That somebody was invited to keep a pet, for as long as it counts; and whether they declined.
CREATE TABLE pet_attempts (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind = 'invitation'),
    -- May be gone: the row is forgotten in time.
    pet_id uuid NOT NULL,
    -- Who would keep it.
    user_id uuid NOT NULL REFERENCES users (id),
    -- Who invited; nobody if it is not known any more.
    by_id uuid REFERENCES users (id),
    made_at timestamptz NOT NULL,
    refused_at timestamptz
);
CREATE INDEX pet_attempts_pet ON pet_attempts (pet_id, user_id);
CREATE INDEX pet_attempts_user ON pet_attempts (user_id, id);
CREATE INDEX pet_attempts_by ON pet_attempts (by_id, made_at);
CREATE INDEX pet_attempts_made ON pet_attempts (made_at);

INSERT INTO pet_attempts (id, kind, pet_id, user_id, made_at, refused_at)
    SELECT gen_random_uuid(), 'invitation', pet_id, user_id, declined_at, declined_at FROM pet_declines;
DROP TABLE pet_declines;
