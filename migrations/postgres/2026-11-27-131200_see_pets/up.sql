-- Who may see somebody's pets and how many they are, among those who may see the profile.
ALTER TABLE preferences ADD COLUMN see_pets TEXT NOT NULL DEFAULT 'everyone';
