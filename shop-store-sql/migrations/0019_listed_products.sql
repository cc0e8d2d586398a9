-- What lists of products are filtered and ordered by, in a narrow table. `in_stock` says whether an offered variant can be
-- sold now. It is not a column of `products`: who places an order shares the product's row with others who do and wait for the
-- same stock, so whoever takes the last of it cannot write there. Every list is made of ranges of these indexes, so each
-- begins with the values that are few; `price` stands at their end for lists that are filtered by it and ordered by
-- something else.
CREATE TABLE listed_products (
    id uuid NOT NULL CONSTRAINT listed_products_id PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    category_id uuid,
    in_stock boolean NOT NULL,
    created_at timestamptz NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    price bigint NOT NULL
);

INSERT INTO listed_products (id, status, category_id, in_stock, created_at, name_key, price)
    SELECT id, status, category_id, EXISTS (
        SELECT 1 FROM variants JOIN stock_levels ON stock_levels.variant_id = variants.id
        WHERE variants.product_id = products.id AND NOT variants.archived
            AND (NOT stock_levels.tracked OR stock_levels.backorder OR stock_levels.on_hand > stock_levels.reserved)
    ), created_at, name_key, price FROM products;

CREATE INDEX listed_products_created_at ON listed_products (status, in_stock, created_at, id, price);
CREATE INDEX listed_products_name ON listed_products (status, in_stock, name_key, id, price);
CREATE INDEX listed_products_price ON listed_products (status, in_stock, price, id);
CREATE INDEX listed_products_category_created_at
    ON listed_products (category_id, status, in_stock, created_at, id, price) WHERE category_id IS NOT NULL;
CREATE INDEX listed_products_category_name
    ON listed_products (category_id, status, in_stock, name_key, id, price) WHERE category_id IS NOT NULL;
CREATE INDEX listed_products_category_price
    ON listed_products (category_id, status, in_stock, price, id) WHERE category_id IS NOT NULL;

DROP INDEX products_created_at;
DROP INDEX products_price;
DROP INDEX products_status_created_at;
DROP INDEX products_status_name;
DROP INDEX products_status_price;

INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'products', status, in_stock::int::text, '', 0, count(*), 0 FROM listed_products GROUP BY 2, 3;
INSERT INTO list_counts (list, key_1, key_2, key_3, slot, total, changes)
    SELECT 'products_of_category', status, in_stock::int::text, replace(category_id::text, '-', ''), 0, count(*), 0
    FROM listed_products WHERE category_id IS NOT NULL GROUP BY 2, 3, 4;
