-- Webhooks: addresses that are told of events, and lists of what was delivered to them.

CREATE TABLE webhooks (
    id uuid NOT NULL CONSTRAINT webhooks_id PRIMARY KEY,
    url text NOT NULL,
    events json NOT NULL,
    active boolean NOT NULL,
    -- How often the secret was replaced, which is not stored: it is derived.
    rotation bigint NOT NULL CONSTRAINT webhooks_rotation CHECK (rotation >= 0),
    rotated_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX webhooks_created_at ON webhooks (created_at, id);

-- What a webhook's last try was answered with.
ALTER TABLE deliveries ADD COLUMN response_status bigint;
CREATE INDEX deliveries_receiver ON deliveries (receiver, created_at, id);
CREATE INDEX deliveries_receiver_status ON deliveries (receiver, status, created_at, id);
