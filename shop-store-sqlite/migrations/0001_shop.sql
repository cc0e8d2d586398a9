-- The whole shop of the first release.
--
-- Ids are 16-byte UUIDs, times whole microseconds since 1970, amounts minor units, booleans 0 or 1, structured
-- snapshots JSON. Small rows keyed by their id live WITHOUT ROWID (one tree instead of two); wide ones keep a rowid.
-- Indexes end in the id wherever a list needs it as its last tie-breaker.

-- The shop's own memory --------------------------------------------------------------------------------------------

CREATE TABLE operations (
    id BLOB NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operations_at ON operations (at);

CREATE TABLE answers (
    caller TEXT NOT NULL,
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    outcome TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (caller, operation, key)
) STRICT;
CREATE INDEX answers_created_at ON answers (created_at);

CREATE TABLE events (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    thing BLOB NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data)),
    at INTEGER NOT NULL,
    relayed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX events_unrelayed ON events (id) WHERE relayed = 0;
CREATE INDEX events_relayed ON events (at) WHERE relayed = 1;

CREATE TABLE deliveries (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    receiver TEXT NOT NULL,
    thing BLOB NOT NULL,
    content TEXT NOT NULL CHECK (json_valid(content)),
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    due_at INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_queue ON deliveries (receiver, thing, id) WHERE status = 'pending';
CREATE INDEX deliveries_due ON deliveries (receiver, due_at) WHERE status = 'pending';
CREATE INDEX deliveries_done ON deliveries (created_at) WHERE status = 'done';

-- Accounts ---------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    username TEXT,
    username_key TEXT UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    phone TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    email_verified INTEGER NOT NULL,
    is_active INTEGER NOT NULL,
    is_staff INTEGER NOT NULL,
    is_superuser INTEGER NOT NULL,
    session_epoch INTEGER NOT NULL,
    date_joined INTEGER NOT NULL,
    last_login INTEGER,
    version INTEGER NOT NULL,
    -- What a search looks into, folded by the core.
    search_text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX users_date_joined ON users (date_joined);
CREATE INDEX users_staff ON users (date_joined) WHERE is_staff = 1;

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL,
    refresh_hash BLOB NOT NULL CHECK (length(refresh_hash) = 32),
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE otps (
    user_id BLOB NOT NULL PRIMARY KEY CHECK (length(user_id) = 16),
    id BLOB NOT NULL,
    tries_left INTEGER NOT NULL CHECK (tries_left >= 0),
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

-- Catalog ----------------------------------------------------------------------------------------------------------

-- One row: how often the tree changed its shape.
CREATE TABLE category_tree (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO category_tree (one, version) VALUES (1, 0);

CREATE TABLE categories (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    parent_id BLOB,
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- The folded name, by which lists are ordered.
    name_key TEXT NOT NULL
) STRICT;
CREATE INDEX categories_parent ON categories (parent_id, id);
CREATE INDEX categories_position ON categories (position, name_key, id);
CREATE INDEX categories_name ON categories (name_key, id);

CREATE TABLE products (
    row INTEGER NOT NULL PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    category_id BLOB,
    currency TEXT NOT NULL,
    options TEXT NOT NULL CHECK (json_valid(options)),
    images TEXT NOT NULL CHECK (json_valid(images)),
    attributes TEXT NOT NULL CHECK (json_valid(attributes)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- What lists are ordered by: the folded name, and the lowest price of an offered variant.
    name_key TEXT NOT NULL,
    price INTEGER NOT NULL
) STRICT;
CREATE INDEX products_created_at ON products (created_at, id);
CREATE INDEX products_name ON products (name_key, id);
CREATE INDEX products_price ON products (price, id);
-- The public sees the active ones only.
CREATE INDEX products_status_created_at ON products (status, created_at, id);
CREATE INDEX products_status_name ON products (status, name_key, id);
CREATE INDEX products_status_price ON products (status, price, id);
CREATE INDEX products_category ON products (category_id, status);

CREATE TABLE variants (
    product_id BLOB NOT NULL REFERENCES products (id),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    position INTEGER NOT NULL,
    sku TEXT NOT NULL UNIQUE,
    price INTEGER NOT NULL CHECK (price >= 0),
    compare_at_price INTEGER,
    options TEXT NOT NULL CHECK (json_valid(options)),
    weight_grams INTEGER NOT NULL,
    barcode TEXT,
    tax_class TEXT NOT NULL,
    archived INTEGER NOT NULL,
    -- A product is read with all its variants: one range of this tree.
    PRIMARY KEY (product_id, id)
) STRICT, WITHOUT ROWID;

-- The words come folded and parted by blanks. Contentless: the texts themselves are in the tables above.
CREATE VIRTUAL TABLE product_search USING fts5 (
    name, sku, description,
    content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '2 3', detail = 'column'
);

-- Cart -------------------------------------------------------------------------------------------------------------

CREATE TABLE carts (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    customer_id BLOB,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    items TEXT NOT NULL CHECK (json_valid(items)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX carts_open ON carts (customer_id) WHERE status = 'open' AND customer_id IS NOT NULL;

-- Orders -----------------------------------------------------------------------------------------------------------

CREATE TABLE orders (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    number TEXT NOT NULL UNIQUE,
    cart_id BLOB NOT NULL UNIQUE,
    customer_id BLOB,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL,
    currency TEXT NOT NULL,
    subtotal INTEGER NOT NULL,
    discount_total INTEGER NOT NULL,
    shipping_total INTEGER NOT NULL,
    shipping_tax INTEGER NOT NULL,
    tax_total INTEGER NOT NULL,
    total INTEGER NOT NULL,
    amount_paid INTEGER NOT NULL,
    amount_refunded INTEGER NOT NULL,
    shipping_address TEXT NOT NULL CHECK (json_valid(shipping_address)),
    billing_address TEXT NOT NULL CHECK (json_valid(billing_address)),
    shipping_method TEXT NOT NULL CHECK (json_valid(shipping_method)),
    status TEXT NOT NULL,
    payment_status TEXT NOT NULL,
    fulfillment_status TEXT NOT NULL,
    note TEXT NOT NULL,
    placed_at INTEGER NOT NULL,
    canceled_at INTEGER,
    hold_until INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_placed_at ON orders (placed_at, id);
CREATE INDEX orders_total ON orders (total, id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at, id) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_email ON orders (email_key, placed_at, id);
CREATE INDEX orders_status ON orders (status, placed_at, id);
CREATE INDEX orders_payment_status ON orders (payment_status, placed_at, id);
CREATE INDEX orders_fulfillment_status ON orders (fulfillment_status, placed_at, id);
CREATE INDEX orders_hold ON orders (hold_until, id) WHERE status = 'placed' AND hold_until IS NOT NULL;

CREATE TABLE order_items (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    options TEXT NOT NULL CHECK (json_valid(options)),
    unit_price INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    discount INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    line_total INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_history (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX order_history_order ON order_history (order_id);

-- Payments ---------------------------------------------------------------------------------------------------------

CREATE TABLE payments (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id BLOB NOT NULL,
    gateway TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    amount_authorized INTEGER NOT NULL,
    amount_captured INTEGER NOT NULL,
    amount_refunded INTEGER NOT NULL,
    gateway_reference TEXT,
    failure TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    CHECK (0 <= amount_refunded AND amount_refunded <= amount_captured AND amount_captured <= amount_authorized)
) STRICT, WITHOUT ROWID;
CREATE INDEX payments_order ON payments (order_id, created_at);
CREATE UNIQUE INDEX payments_live ON payments (order_id)
    WHERE state IN ('pending', 'requires_action', 'authorized', 'captured');
CREATE INDEX payments_created_at ON payments (created_at);
CREATE INDEX payments_state ON payments (state, created_at);
CREATE INDEX payments_gateway ON payments (gateway, created_at);

CREATE TABLE refunds (
    payment_id BLOB NOT NULL REFERENCES payments (id),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (payment_id, id)
) STRICT, WITHOUT ROWID;

-- Shipping ---------------------------------------------------------------------------------------------------------

CREATE TABLE addresses (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    user_id BLOB NOT NULL,
    address TEXT NOT NULL CHECK (json_valid(address)),
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX addresses_user ON addresses (user_id, created_at, id);
-- Not unique: one default per person is judged when the whole batch was written.
CREATE INDEX addresses_default ON addresses (user_id) WHERE is_default = 1;

CREATE TABLE zones (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    countries TEXT NOT NULL CHECK (json_valid(countries)),
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX zones_created_at ON zones (created_at);

CREATE TABLE methods (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    zone_id BLOB NOT NULL REFERENCES zones (id),
    carrier TEXT,
    currency TEXT NOT NULL,
    rate TEXT NOT NULL CHECK (json_valid(rate)),
    free_over INTEGER,
    min_days INTEGER,
    max_days INTEGER,
    active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX methods_zone ON methods (zone_id);
CREATE INDEX methods_created_at ON methods (created_at);

CREATE TABLE shipments (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    order_id BLOB NOT NULL,
    items TEXT NOT NULL CHECK (json_valid(items)),
    carrier TEXT,
    tracking_number TEXT,
    status TEXT NOT NULL,
    events TEXT NOT NULL CHECK (json_valid(events)),
    created_at INTEGER NOT NULL,
    shipped_at INTEGER,
    delivered_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX shipments_order ON shipments (order_id, created_at, id);
CREATE INDEX shipments_tracking_number ON shipments (tracking_number, id) WHERE tracking_number IS NOT NULL;
CREATE INDEX shipments_created_at ON shipments (created_at, id);
CREATE INDEX shipments_status ON shipments (status, created_at, id);

-- Inventory --------------------------------------------------------------------------------------------------------

CREATE TABLE locations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE,
    country TEXT,
    priority INTEGER NOT NULL,
    -- Not unique: exactly one default is judged when the whole batch was written.
    is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX locations_created_at ON locations (created_at);

CREATE TABLE stock_levels (
    variant_id BLOB NOT NULL CHECK (length(variant_id) = 16),
    product_id BLOB NOT NULL,
    sku TEXT NOT NULL,
    location_id BLOB NOT NULL REFERENCES locations (id),
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL CHECK (reserved >= 0),
    low_stock_threshold INTEGER NOT NULL,
    tracked INTEGER NOT NULL,
    backorder INTEGER NOT NULL,
    PRIMARY KEY (variant_id, location_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX stock_levels_sku ON stock_levels (sku, location_id);
CREATE INDEX stock_levels_product ON stock_levels (product_id);
CREATE INDEX stock_levels_location ON stock_levels (location_id, sku);

CREATE TABLE movements (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    variant_id BLOB NOT NULL,
    sku TEXT NOT NULL,
    location_id BLOB NOT NULL,
    delta INTEGER NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    order_id BLOB,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX movements_created_at ON movements (created_at);
CREATE INDEX movements_variant ON movements (variant_id, created_at);
CREATE INDEX movements_sku ON movements (sku, created_at);
CREATE INDEX movements_order ON movements (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX movements_location ON movements (location_id, created_at);

CREATE TABLE reservations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id BLOB NOT NULL,
    order_item_id BLOB NOT NULL,
    variant_id BLOB NOT NULL,
    sku TEXT NOT NULL,
    location_id BLOB NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    remaining INTEGER NOT NULL CHECK (0 <= remaining AND remaining <= quantity),
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_created_at ON reservations (created_at);
CREATE INDEX reservations_order ON reservations (order_id);
CREATE INDEX reservations_variant ON reservations (variant_id, created_at);
CREATE INDEX reservations_sku ON reservations (sku, created_at);
-- The few that are live among the many that ended.
CREATE INDEX reservations_live ON reservations (created_at) WHERE status IN ('held', 'committed');
