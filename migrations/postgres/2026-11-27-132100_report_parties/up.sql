-- Who owned a reported pet when it was reported, besides whoever answers for it: the report does not exist for them.
CREATE TABLE report_parties (
    report_id uuid NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (report_id, user_id)
);
CREATE INDEX report_parties_user ON report_parties (user_id, report_id);
-- Who last wrote a text of a pet, and answers for it.
ALTER TABLE pets ADD COLUMN written_by uuid REFERENCES users (id);
CREATE INDEX pets_written_by ON pets (written_by, id) WHERE written_by IS NOT NULL;
