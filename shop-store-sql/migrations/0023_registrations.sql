-- Whose registration a code proves where an address was registered more than once, what was counted of an account on its last
-- day, and the accounts whose address nobody proved.
ALTER TABLE otps ADD COLUMN registrations json NOT NULL DEFAULT '{}';

CREATE TABLE daily_counts (
    user_id uuid NOT NULL,
    what text COLLATE "C" NOT NULL,
    -- Days since 1970-01-01, UTC.
    day bigint NOT NULL,
    count bigint NOT NULL CONSTRAINT daily_counts_count CHECK (count > 0),
    CONSTRAINT daily_counts_key PRIMARY KEY (user_id, what)
) WITH (fillfactor = 70);
CREATE INDEX daily_counts_day ON daily_counts (day);

CREATE INDEX users_unproven ON users (id) WHERE NOT email_verified;
