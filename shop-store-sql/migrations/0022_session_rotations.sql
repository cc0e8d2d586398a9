-- The refresh tokens of a session that were exchanged a moment ago, so that two tabs that refresh at once get the same pair.
ALTER TABLE sessions ADD COLUMN rotations json NOT NULL DEFAULT '[]';
