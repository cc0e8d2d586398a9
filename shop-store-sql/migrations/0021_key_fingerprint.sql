-- One row, once a shop was opened: by what the secret key is recognised that the data belongs to.
CREATE TABLE key_fingerprint (
    one boolean NOT NULL CONSTRAINT key_fingerprint_one PRIMARY KEY CONSTRAINT key_fingerprint_alone CHECK (one),
    fingerprint bytea NOT NULL CONSTRAINT key_fingerprint_length CHECK (length(fingerprint) = 32)
);
