-- The shop's own details: one row, once staff wrote something.
CREATE TABLE shop_details (
    id uuid NOT NULL CONSTRAINT shop_details_id PRIMARY KEY
        CONSTRAINT shop_details_alone CHECK (id = '00000000-0000-0000-0000-000000000000'),
    name text,
    legal_name text,
    address text,
    vat_id text,
    contact_email text,
    phone text,
    terms_url text,
    privacy_url text,
    returns_url text,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
