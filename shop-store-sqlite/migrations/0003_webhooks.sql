-- Webhooks: addresses that are told of events, and lists of what was delivered to them.

CREATE TABLE webhooks (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    url TEXT NOT NULL,
    events TEXT NOT NULL CHECK (json_valid(events)),
    active INTEGER NOT NULL,
    -- How often the secret was replaced, which is not stored: it is derived.
    rotation INTEGER NOT NULL CHECK (rotation >= 0),
    rotated_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_created_at ON webhooks (created_at);

-- What a webhook's last try was answered with.
ALTER TABLE deliveries ADD COLUMN response_status INTEGER;
CREATE INDEX deliveries_receiver ON deliveries (receiver, created_at, id);
CREATE INDEX deliveries_receiver_status ON deliveries (receiver, status, created_at, id);
