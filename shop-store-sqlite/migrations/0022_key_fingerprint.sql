-- One row, once a shop was opened: by what the secret key is recognised that the data belongs to.
CREATE TABLE key_fingerprint (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32)
) STRICT;
