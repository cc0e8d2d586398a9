-- Gateways that are asked over a network: what is being asked, when to look, and what the buyer's browser goes on with
-- (sealed).
ALTER TABLE payments ADD COLUMN asking uuid;
ALTER TABLE payments ADD COLUMN asking_step text;
ALTER TABLE payments ADD COLUMN look_at timestamptz;
ALTER TABLE payments ADD COLUMN client_secret text;
ALTER TABLE refunds ADD COLUMN gateway_reference text;
CREATE INDEX payments_reference ON payments (gateway_reference, gateway) WHERE gateway_reference IS NOT NULL;
CREATE INDEX payments_look_at ON payments (look_at, id) WHERE look_at IS NOT NULL;
