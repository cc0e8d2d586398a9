-- The whole shop of the first release, on Postgres 13 or later.
--
-- Ids are UUIDs that the core drew (version 7, so they sort by time), times whole microseconds, amounts minor units.
-- Text that is compared or sorted is COLLATE "C": bytewise, as in every other store. Structured snapshots are `json` and
-- not `jsonb`: they come back as they were written, to the letter, and nothing looks into them here.
-- No sequence, no trigger of our own, no extension. Every key has a name; conflicts are told by it.
-- Indexes end in the id wherever a list needs it as its last tie-breaker.

-- The shop's own memory --------------------------------------------------------------------------------------------

CREATE TABLE operations (
    id uuid NOT NULL CONSTRAINT operations_id PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX operations_at ON operations (at);

CREATE TABLE answers (
    caller text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    outcome text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT answers_key PRIMARY KEY (caller, operation, key)
);
CREATE INDEX answers_created_at ON answers (created_at);

CREATE TABLE events (
    id uuid NOT NULL CONSTRAINT events_id PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    thing uuid NOT NULL,
    data json NOT NULL,
    at timestamptz NOT NULL,
    relayed boolean NOT NULL DEFAULT false
);
CREATE INDEX events_unrelayed ON events (id) WHERE NOT relayed;
CREATE INDEX events_relayed ON events (at) WHERE relayed;

CREATE TABLE deliveries (
    id uuid NOT NULL CONSTRAINT deliveries_id PRIMARY KEY,
    receiver text COLLATE "C" NOT NULL,
    thing uuid NOT NULL,
    content json NOT NULL,
    status text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL CONSTRAINT deliveries_attempts CHECK (attempts >= 0),
    due_at timestamptz NOT NULL,
    last_error text,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX deliveries_queue ON deliveries (receiver, thing, id) WHERE status = 'pending';
CREATE INDEX deliveries_due ON deliveries (receiver, due_at) WHERE status = 'pending';
CREATE INDEX deliveries_done ON deliveries (created_at) WHERE status = 'done';

-- Accounts ---------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id uuid NOT NULL CONSTRAINT users_id PRIMARY KEY,
    email text NOT NULL,
    email_key text COLLATE "C" NOT NULL CONSTRAINT users_email UNIQUE,
    username text,
    username_key text COLLATE "C" CONSTRAINT users_username UNIQUE,
    first_name text NOT NULL,
    last_name text NOT NULL,
    phone text NOT NULL,
    password_hash text NOT NULL,
    email_verified boolean NOT NULL,
    is_active boolean NOT NULL,
    is_staff boolean NOT NULL,
    is_superuser boolean NOT NULL,
    session_epoch bigint NOT NULL,
    date_joined timestamptz NOT NULL,
    last_login timestamptz,
    version bigint NOT NULL,
    -- What a search looks into, folded by the core.
    search_text text COLLATE "C" NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX users_date_joined ON users (date_joined, id);
CREATE INDEX users_staff ON users (date_joined, id) WHERE is_staff;

CREATE TABLE sessions (
    id uuid NOT NULL CONSTRAINT sessions_id PRIMARY KEY,
    user_id uuid NOT NULL,
    refresh_hash bytea NOT NULL CONSTRAINT sessions_refresh_hash CHECK (octet_length(refresh_hash) = 32),
    epoch bigint NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    version bigint NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE otps (
    user_id uuid NOT NULL CONSTRAINT otps_user PRIMARY KEY,
    id uuid NOT NULL,
    tries_left bigint NOT NULL CONSTRAINT otps_tries_left CHECK (tries_left >= 0),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
) WITH (fillfactor = 70);

-- Catalog ----------------------------------------------------------------------------------------------------------

-- One row: how often the tree changed its shape.
CREATE TABLE category_tree (
    one boolean NOT NULL CONSTRAINT category_tree_one PRIMARY KEY CONSTRAINT category_tree_alone CHECK (one),
    version bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO category_tree (one, version) VALUES (true, 0);

CREATE TABLE categories (
    id uuid NOT NULL CONSTRAINT categories_id PRIMARY KEY,
    slug text COLLATE "C" NOT NULL CONSTRAINT categories_slug UNIQUE,
    name text NOT NULL,
    description text NOT NULL,
    parent_id uuid,
    position bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    -- The folded name, by which lists are ordered.
    name_key text COLLATE "C" NOT NULL
);
CREATE INDEX categories_parent ON categories (parent_id, id);
CREATE INDEX categories_position ON categories (position, name_key, id);
CREATE INDEX categories_name ON categories (name_key, id);

CREATE TABLE products (
    id uuid NOT NULL CONSTRAINT products_id PRIMARY KEY,
    slug text COLLATE "C" NOT NULL CONSTRAINT products_slug UNIQUE,
    name text NOT NULL,
    description text NOT NULL,
    status text COLLATE "C" NOT NULL,
    category_id uuid,
    currency text COLLATE "C" NOT NULL,
    options json NOT NULL,
    images json NOT NULL,
    attributes json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    -- What lists are ordered by: the folded name, and the lowest price of an offered variant.
    name_key text COLLATE "C" NOT NULL,
    price bigint NOT NULL,
    -- The words of the core (`Product::search_document`) as they are: of the name A, of the skus B, of the description C.
    search tsvector NOT NULL
);
CREATE INDEX products_created_at ON products (created_at, id);
CREATE INDEX products_name ON products (name_key, id);
CREATE INDEX products_price ON products (price, id);
-- The public sees the active ones only.
CREATE INDEX products_status_created_at ON products (status, created_at, id);
CREATE INDEX products_status_name ON products (status, name_key, id);
CREATE INDEX products_status_price ON products (status, price, id);
CREATE INDEX products_category ON products (category_id, status);
-- Without the list of pending entries: a look-up costs the same before and after a vacuum.
CREATE INDEX products_search ON products USING gin (search) WITH (fastupdate = off);

CREATE TABLE variants (
    id uuid NOT NULL CONSTRAINT variants_id PRIMARY KEY,
    product_id uuid NOT NULL CONSTRAINT variants_product_exists REFERENCES products (id),
    position bigint NOT NULL,
    sku text COLLATE "C" NOT NULL CONSTRAINT variants_sku UNIQUE,
    price bigint NOT NULL CONSTRAINT variants_price CHECK (price >= 0),
    compare_at_price bigint,
    options json NOT NULL,
    weight_grams bigint NOT NULL,
    barcode text,
    tax_class text NOT NULL,
    archived boolean NOT NULL
);
CREATE INDEX variants_product ON variants (product_id);

-- Cart -------------------------------------------------------------------------------------------------------------

CREATE TABLE carts (
    id uuid NOT NULL CONSTRAINT carts_id PRIMARY KEY,
    customer_id uuid,
    currency text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    items json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX carts_open ON carts (customer_id) WHERE status = 'open' AND customer_id IS NOT NULL;

-- Orders -----------------------------------------------------------------------------------------------------------

CREATE TABLE orders (
    id uuid NOT NULL CONSTRAINT orders_id PRIMARY KEY,
    number text COLLATE "C" NOT NULL CONSTRAINT orders_number UNIQUE,
    cart_id uuid NOT NULL CONSTRAINT orders_cart UNIQUE,
    customer_id uuid,
    email text NOT NULL,
    email_key text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    subtotal bigint NOT NULL,
    discount_total bigint NOT NULL,
    shipping_total bigint NOT NULL,
    shipping_tax bigint NOT NULL,
    tax_total bigint NOT NULL,
    total bigint NOT NULL,
    amount_paid bigint NOT NULL,
    amount_refunded bigint NOT NULL,
    shipping_address json NOT NULL,
    billing_address json NOT NULL,
    shipping_method json NOT NULL,
    status text COLLATE "C" NOT NULL,
    payment_status text COLLATE "C" NOT NULL,
    fulfillment_status text COLLATE "C" NOT NULL,
    note text NOT NULL,
    placed_at timestamptz NOT NULL,
    canceled_at timestamptz,
    hold_until timestamptz,
    version bigint NOT NULL
);
CREATE INDEX orders_placed_at ON orders (placed_at, id);
CREATE INDEX orders_total ON orders (total, id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_email ON orders (email_key, placed_at, id);
CREATE INDEX orders_status ON orders (status, placed_at, id);
CREATE INDEX orders_payment_status ON orders (payment_status, placed_at, id);
CREATE INDEX orders_fulfillment_status ON orders (fulfillment_status, placed_at, id);
CREATE INDEX orders_hold ON orders (hold_until, id) WHERE status = 'placed' AND hold_until IS NOT NULL;

CREATE TABLE order_items (
    order_id uuid NOT NULL CONSTRAINT order_items_order_exists REFERENCES orders (id),
    position bigint NOT NULL,
    id uuid NOT NULL,
    product_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    options json NOT NULL,
    unit_price bigint NOT NULL,
    quantity bigint NOT NULL,
    discount bigint NOT NULL,
    tax bigint NOT NULL,
    line_total bigint NOT NULL,
    CONSTRAINT order_items_position PRIMARY KEY (order_id, position)
);

CREATE TABLE order_history (
    id uuid NOT NULL CONSTRAINT order_history_id PRIMARY KEY,
    order_id uuid NOT NULL,
    at timestamptz NOT NULL,
    event text NOT NULL,
    actor text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX order_history_order ON order_history (order_id, id);

-- Payments ---------------------------------------------------------------------------------------------------------

CREATE TABLE payments (
    id uuid NOT NULL CONSTRAINT payments_id PRIMARY KEY,
    order_id uuid NOT NULL,
    gateway text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    amount_authorized bigint NOT NULL,
    amount_captured bigint NOT NULL,
    amount_refunded bigint NOT NULL,
    gateway_reference text,
    failure text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT payments_amounts
        CHECK (0 <= amount_refunded AND amount_refunded <= amount_captured AND amount_captured <= amount_authorized)
);
CREATE INDEX payments_order ON payments (order_id, created_at, id);
CREATE UNIQUE INDEX payments_live ON payments (order_id)
    WHERE state IN ('pending', 'requires_action', 'authorized', 'captured');
CREATE INDEX payments_created_at ON payments (created_at, id);
CREATE INDEX payments_state ON payments (state, created_at, id);
CREATE INDEX payments_gateway ON payments (gateway, created_at, id);

CREATE TABLE refunds (
    id uuid NOT NULL CONSTRAINT refunds_id PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT refunds_payment_exists REFERENCES payments (id),
    amount bigint NOT NULL CONSTRAINT refunds_amount CHECK (amount >= 0),
    state text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX refunds_payment ON refunds (payment_id, id);

-- Shipping ---------------------------------------------------------------------------------------------------------

CREATE TABLE addresses (
    id uuid NOT NULL CONSTRAINT addresses_id PRIMARY KEY,
    user_id uuid NOT NULL,
    address json NOT NULL,
    is_default boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX addresses_user ON addresses (user_id, created_at, id);
-- Not unique: one default per person is judged when the whole batch was written.
CREATE INDEX addresses_default ON addresses (user_id) WHERE is_default;

CREATE TABLE zones (
    id uuid NOT NULL CONSTRAINT zones_id PRIMARY KEY,
    name text NOT NULL,
    countries json NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX zones_created_at ON zones (created_at, id);

CREATE TABLE methods (
    id uuid NOT NULL CONSTRAINT methods_id PRIMARY KEY,
    name text NOT NULL,
    zone_id uuid NOT NULL CONSTRAINT methods_zone_exists REFERENCES zones (id),
    carrier text,
    currency text COLLATE "C" NOT NULL,
    rate json NOT NULL,
    free_over bigint,
    min_days bigint,
    max_days bigint,
    active boolean NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX methods_zone ON methods (zone_id);
CREATE INDEX methods_created_at ON methods (created_at, id);

CREATE TABLE shipments (
    id uuid NOT NULL CONSTRAINT shipments_id PRIMARY KEY,
    order_id uuid NOT NULL,
    items json NOT NULL,
    carrier text,
    tracking_number text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    events json NOT NULL,
    created_at timestamptz NOT NULL,
    shipped_at timestamptz,
    delivered_at timestamptz,
    version bigint NOT NULL
);
CREATE INDEX shipments_order ON shipments (order_id, created_at, id);
CREATE INDEX shipments_tracking_number ON shipments (tracking_number, id) WHERE tracking_number IS NOT NULL;
CREATE INDEX shipments_created_at ON shipments (created_at, id);
CREATE INDEX shipments_status ON shipments (status, created_at, id);

-- Inventory --------------------------------------------------------------------------------------------------------

CREATE TABLE locations (
    id uuid NOT NULL CONSTRAINT locations_id PRIMARY KEY,
    name text NOT NULL,
    code text COLLATE "C" NOT NULL CONSTRAINT locations_code UNIQUE,
    country text,
    priority bigint NOT NULL,
    -- Not unique: exactly one default is judged when the whole batch was written.
    is_default boolean NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX locations_created_at ON locations (created_at, id);

-- Half of each page is left free, and no index holds a count: a change of counts stays in its page, touches no index,
-- and what it leaves behind is cleared by the next look at the page.
CREATE TABLE stock_levels (
    variant_id uuid NOT NULL,
    product_id uuid NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL CONSTRAINT stock_levels_location_exists REFERENCES locations (id),
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL CONSTRAINT stock_levels_reserved CHECK (reserved >= 0),
    low_stock_threshold bigint NOT NULL,
    tracked boolean NOT NULL,
    backorder boolean NOT NULL,
    CONSTRAINT stock_levels_key PRIMARY KEY (variant_id, location_id)
) WITH (fillfactor = 50);
CREATE INDEX stock_levels_sku ON stock_levels (sku, location_id);
CREATE INDEX stock_levels_product ON stock_levels (product_id);
CREATE INDEX stock_levels_location ON stock_levels (location_id, sku);

CREATE TABLE movements (
    id uuid NOT NULL CONSTRAINT movements_id PRIMARY KEY,
    variant_id uuid NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL,
    delta bigint NOT NULL,
    reason text COLLATE "C" NOT NULL,
    note text NOT NULL,
    order_id uuid,
    created_at timestamptz NOT NULL
);
CREATE INDEX movements_created_at ON movements (created_at, id);
CREATE INDEX movements_variant ON movements (variant_id, created_at, id);
CREATE INDEX movements_sku ON movements (sku, created_at, id);
CREATE INDEX movements_order ON movements (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX movements_location ON movements (location_id, created_at, id);

CREATE TABLE reservations (
    id uuid NOT NULL CONSTRAINT reservations_id PRIMARY KEY,
    order_id uuid NOT NULL,
    order_item_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    sku text COLLATE "C" NOT NULL,
    location_id uuid NOT NULL,
    quantity bigint NOT NULL CONSTRAINT reservations_quantity CHECK (quantity > 0),
    remaining bigint NOT NULL CONSTRAINT reservations_remaining CHECK (0 <= remaining AND remaining <= quantity),
    status text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX reservations_created_at ON reservations (created_at, id);
CREATE INDEX reservations_order ON reservations (order_id);
CREATE INDEX reservations_variant ON reservations (variant_id, created_at, id);
CREATE INDEX reservations_sku ON reservations (sku, created_at, id);
-- The few that are live among the many that ended.
CREATE INDEX reservations_live ON reservations (created_at, id) WHERE status IN ('held', 'committed');
