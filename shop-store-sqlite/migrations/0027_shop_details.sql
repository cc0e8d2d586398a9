-- The shop's own details: one row, once staff wrote something.
CREATE TABLE shop_details (
    id BLOB NOT NULL PRIMARY KEY CHECK (id = x'00000000000000000000000000000000'),
    name TEXT,
    legal_name TEXT,
    address TEXT,
    vat_id TEXT,
    contact_email TEXT,
    phone TEXT,
    terms_url TEXT,
    privacy_url TEXT,
    returns_url TEXT,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
