-- What was given up is forgotten after a while, too.

CREATE INDEX deliveries_given_up ON deliveries (due_at) WHERE status = 'dead';
