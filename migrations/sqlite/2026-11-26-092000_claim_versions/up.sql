-- By which version of the rule for look-alikes a name is claimed. What an older one claimed is claimed anew when the
-- program opens the database; of two accounts that look alike by the new rule, the older has the claim.
ALTER TABLE username_claims ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sign_up_claims ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
