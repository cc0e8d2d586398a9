-- Whose registration a code proves where an address was registered more than once, what was counted of an account on its last
-- day, and the accounts whose address nobody proved.
ALTER TABLE otps ADD COLUMN registrations TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(registrations));

CREATE TABLE daily_counts (
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    what TEXT NOT NULL,
    -- Days since 1970-01-01, UTC.
    day INTEGER NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    PRIMARY KEY (user_id, what)
) STRICT, WITHOUT ROWID;
CREATE INDEX daily_counts_day ON daily_counts (day);

CREATE INDEX users_unproven ON users (id, date_joined) WHERE email_verified = 0;
