-- How often somebody has tried something, for servers that limit it together. Not logged: it is written at every try,
-- and what a crash forgets costs nothing but some tries. The keys are hashes under the servers' secret.

CREATE UNLOGGED TABLE limits (
    key bytea NOT NULL CONSTRAINT limits_key PRIMARY KEY,
    -- Until when the tries made so far use up what is allowed.
    used_until timestamptz NOT NULL
);
