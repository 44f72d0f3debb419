CREATE TABLE pets (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES users (id),
    name text NOT NULL,
    species text NOT NULL,
    breed text,
    sex text NOT NULL CHECK (sex IN ('female', 'male', 'unknown')),
    -- A year, a month or a day, as precise as it is known.
    birth_date text,
    bio text,
    visibility text NOT NULL CHECK (visibility IN ('public', 'friends', 'private')),
    -- Encrypted under the key ring.
    microchip bytea,
    -- Four octets that name the key, and a keyed hash of the number.
    microchip_index bytea,
    lost_since timestamptz,
    lost_text text,
    lost_place text,
    -- In millionths of a degree.
    lost_lat integer,
    lost_lng integer,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CHECK ((microchip IS NULL) = (microchip_index IS NULL)),
    CHECK ((lost_since IS NULL) = (lost_text IS NULL)),
    CHECK ((lost_lat IS NULL) = (lost_lng IS NULL))
);
CREATE INDEX pets_owner ON pets (owner_id);
-- What others may see, at most.
CREATE INDEX pets_directory ON pets (id) WHERE visibility <> 'private';
CREATE INDEX pets_directory_species ON pets (species, id) WHERE visibility <> 'private';
CREATE INDEX pets_directory_lost ON pets (id) WHERE visibility <> 'private' AND lost_since IS NOT NULL;
-- Not unique: nobody checks the numbers.
CREATE INDEX pets_microchip ON pets (microchip_index, id) WHERE microchip_index IS NOT NULL;

-- Everybody who keeps a pet, the owner included, or is invited to.
CREATE TABLE pet_keepers (
    pet_id uuid NOT NULL REFERENCES pets (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL CHECK (role IN ('owner', 'co_owner', 'caretaker')),
    accepted boolean NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (pet_id, user_id),
    CHECK (accepted OR role <> 'owner')
);
CREATE INDEX pet_keepers_user ON pet_keepers (user_id, accepted, pet_id);
CREATE UNIQUE INDEX pet_keepers_owner ON pet_keepers (pet_id) WHERE role = 'owner';

CREATE TABLE pet_log (
    id uuid PRIMARY KEY,
    pet_id uuid NOT NULL REFERENCES pets (id),
    -- Nobody, if their account has been erased.
    author_id uuid REFERENCES users (id),
    kind text NOT NULL CHECK (kind IN ('weight', 'note')),
    grams bigint,
    text text,
    at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((grams IS NOT NULL) = (kind = 'weight'))
);
CREATE INDEX pet_log_pet ON pet_log (pet_id, at, id);
CREATE INDEX pet_log_author ON pet_log (author_id, id);

-- The folded words of the names, compared octet by octet.
CREATE TABLE pet_words (
    word text COLLATE "C" NOT NULL,
    pet_id uuid NOT NULL REFERENCES pets (id),
    PRIMARY KEY (word, pet_id)
);
CREATE INDEX pet_words_pet ON pet_words (pet_id);
