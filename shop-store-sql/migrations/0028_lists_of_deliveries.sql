-- Every order has a mail, and nobody lists mails by time: only those that were given up are shown, which are few. So the
-- lists of deliveries leave mails out, and a mail has two entries less to write.
DROP INDEX deliveries_receiver;
DROP INDEX deliveries_receiver_status;
CREATE INDEX deliveries_listed ON deliveries (receiver, created_at, id) WHERE receiver <> 'mail';
CREATE INDEX deliveries_listed_status ON deliveries (receiver, status, created_at, id) WHERE receiver <> 'mail';
CREATE INDEX deliveries_dead ON deliveries (receiver, created_at, id) WHERE status = 'dead';
