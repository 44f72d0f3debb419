-- Who kept a reported pet or ran a reported group when it was reported, without owning it, does not learn who reported it,
-- also not after they have left.
ALTER TABLE report_parties ADD COLUMN kind TEXT NOT NULL DEFAULT 'owner' CHECK (kind IN ('owner', 'involved'));
INSERT INTO report_parties (report_id, user_id, kind)
SELECT r.id, k.user_id, 'involved' FROM reports r
JOIN pet_keepers k ON r.target_type = 'pet' AND k.pet_id = r.target_id AND k.accepted AND k.role = 'caretaker'
WHERE true ON CONFLICT DO NOTHING;
INSERT INTO report_parties (report_id, user_id, kind)
SELECT r.id, p.user_id, 'involved' FROM reports r
JOIN group_people p ON r.target_type = 'group' AND p.group_id = r.target_id AND p.role IN ('admin', 'moderator')
JOIN users u ON u.id = p.user_id AND u.role <> 'user'
WHERE true ON CONFLICT DO NOTHING;
