//! Checks the query plan of every read, on tables with a few thousand rows: none may scan a whole table that grows.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::Value;
use shop_core::accounts::AccountsRepository as _;
use shop_core::cart::CartRepository as _;
use shop_core::catalog::CatalogRepository as _;
use shop_core::conformance::every_read;
use shop_core::inventory::InventoryRepository as _;
use shop_core::pricing::{Customer, PricingRepository as _, RulesQuery};
use shop_core::shipping::ShippingRepository as _;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::sql_str::AssertSqlSafe;

use super::pool::Session;
use super::{PostgresOptions, PostgresStore};
use crate::testing::Cluster;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Records a statement.
pub(crate) fn note(sql: &str) {
    let mut statements = STATEMENTS.lock().unwrap();
    if !statements.contains(sql) {
        statements.insert(sql.to_owned());
    }
}

/// Tables with a bounded number of rows.
const SMALL: &[&str] = &[
    "category_tree",
    "key_fingerprint",
    "shop_details",
    "categories",
    "zones",
    "methods",
    "tax_rates",
    "locations",
    "webhooks",
    "shop_migrations",
    "list_counts",
];

/// Indexes of a few rows among many, which may be scanned.
const PARTIAL: &[&str] = &["users_staff", "users_unproven", "reservations_live"];

/// A count with these filters reads all rows, because each of their few values is common.
const LOOSE: &[&str] = &[
    "users.is_active = $",
    "NOT users.is_staff",
    "strpos(users.search_text, $",
    "strpos(orders.search_text, $",
    "products.price >= $",
    "products.category_id IN (WITH",
    "(SELECT listed.in_stock FROM",
    "status = $",
    ".state = $",
    ".gateway = $",
    ".location_id = $",
    "stock_levels.tracked\n",
    "promotions.active = $",
];

/// A few thousand rows in each table that grows, as a shop would have them after a while.
pub(crate) const ROWS: &str = "
    INSERT INTO zones SELECT gen_random_uuid(), 'zone', '[]', now(), 1 FROM generate_series(1, 5);
    INSERT INTO methods SELECT gen_random_uuid(), 'method', id, NULL, 'USD', '{}', NULL, NULL, NULL, true, now(), 1 FROM zones;
    INSERT INTO locations SELECT gen_random_uuid(), 'l', 'l' || n, NULL, n, n = 1, now(), 1 FROM generate_series(1, 3) AS n;
    INSERT INTO categories SELECT gen_random_uuid(), 'c' || n, 'c', '', NULL, n, now(), now(), 1, 'c'
        FROM generate_series(1, 50) AS n;
    INSERT INTO users SELECT gen_random_uuid(), 'e', 'e' || n, NULL, 'u' || n, 'first', 'last', '',
        repeat('h', 97), true, n % 9 <> 0, n % 500 = 0, false,
        1, now() - make_interval(secs => n), NULL, 1, 'e' || n FROM generate_series(1, 5000) AS n;
    INSERT INTO sessions SELECT gen_random_uuid(), id, decode(repeat('00', 32), 'hex'), 1, now(), date_joined, NULL, 1 FROM users;
    INSERT INTO otps SELECT id, gen_random_uuid(), 3, now(), NULL FROM users;
    INSERT INTO addresses SELECT gen_random_uuid(), id, '{}', true, date_joined, now(), 1 FROM users;
    INSERT INTO carts SELECT gen_random_uuid(), id, 'USD', 'open', '[]', now(), now(), 1 FROM users;
    INSERT INTO products SELECT gen_random_uuid(), 'p' || n, 'p', repeat('text ', 50),
        (ARRAY['active', 'draft', 'archived'])[1 + n % 3], (SELECT id FROM categories WHERE position = 1 + n % 50), 'USD',
        '[]', '[]', '{}', now() - make_interval(secs => n), now(), 1, 'p' || n, n,
        ('w' || n || ':1A v' || n % 500 || ':3C')::tsvector FROM generate_series(1, 5000) AS n;
    INSERT INTO promotions SELECT gen_random_uuid(), 'p', CASE WHEN n % 500 <> 0 THEN 'c' || n END,
        CASE WHEN n % 500 <> 0 THEN 'c' || n END, 'USD', '{}', NULL, '[]', '[]', '[]', false, NULL, NULL, NULL, NULL, true, 0,
        n % 100 <> 1, now() - make_interval(secs => n), now(), 1 FROM generate_series(1, 5000) AS n;
    INSERT INTO promotion_uses SELECT id, '', 1 FROM promotions;
    INSERT INTO promotion_uses SELECT '00000000-0000-0000-0000-000000000000', replace(id::text, '-', ''), 1 FROM users;
    INSERT INTO promotion_uses SELECT '00000000-0000-0000-0000-000000000001', email_key, 1 FROM users;
    INSERT INTO tax_rates SELECT gen_random_uuid(), 't', 'standard', 'US', 'r' || n, 'r' || n, 1, false, now(), now(), 1
        FROM generate_series(1, 50) AS n;
    INSERT INTO variants SELECT gen_random_uuid(), id, 1, slug || 's', 1, NULL, '{}', 1, NULL, '', false FROM products;
    INSERT INTO stock_levels SELECT variants.id, product_id, sku, locations.id, 10, 0, 1, true, false FROM variants, locations;
    INSERT INTO orders SELECT gen_random_uuid(), 'o' || n, id, customer_id, 'e', 'e' || customer_id, 'USD', 1, 0, 0, 0, 0,
        n, 0, 0, '{}', '{}', '{}', (ARRAY['placed', 'completed', 'canceled'])[1 + n % 3],
        (ARRAY['not_paid', 'paid', 'voided', 'refunded'])[1 + n % 4],
        (ARRAY['unfulfilled', 'fulfilled', 'delivered'])[1 + n % 3], '', now() - make_interval(secs => n), NULL,
        CASE WHEN n % 100 = 0 THEN now() END, 1 FROM (SELECT *, row_number() OVER () AS n FROM carts) AS carts;
    INSERT INTO order_items SELECT id, 0, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 's', 'n', '{}',
        1, 1, 0, 0, 1 FROM orders;
    INSERT INTO order_history SELECT gen_random_uuid(), id, placed_at, 'placed', 'guest', '', true FROM orders;
    INSERT INTO draft_orders SELECT gen_random_uuid(), NULL, 'e', 'USD', '[]', '', placed_at, placed_at, 1 FROM orders;
    INSERT INTO order_returns SELECT gen_random_uuid(), id, 'USD', '[]', '', (ARRAY['requested', 'completed', 'canceled'])[1 + total % 3],
        '', false, 1, 0, placed_at, placed_at, 1 FROM orders;
    INSERT INTO payments SELECT gen_random_uuid(), id, 'g' || total % 3, 1, 'USD',
        (ARRAY['pending', 'captured', 'voided'])[1 + total % 3], 0, 0, 0, NULL, NULL, placed_at, placed_at, 1 FROM orders;
    INSERT INTO refunds SELECT gen_random_uuid(), id, 1, 'pending', '', created_at FROM payments;
    INSERT INTO shipments SELECT gen_random_uuid(), id, '[]', NULL, 't' || number,
        (ARRAY['pending', 'shipped', 'delivered'])[1 + total % 3], '[]', placed_at, NULL, NULL, 1, 'T' || number FROM orders;
    INSERT INTO movements SELECT gen_random_uuid(), variant_id, sku, location_id, 10, 'received', '', gen_random_uuid(),
        now() - make_interval(secs => row_number() OVER ()) FROM stock_levels;
    INSERT INTO reservations SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), variant_id, sku, location_id,
        1, 1, CASE WHEN n % 100 = 0 THEN 'held' ELSE 'consumed' END, now() - make_interval(secs => n), 1
        FROM (SELECT *, row_number() OVER () AS n FROM stock_levels) AS stock_levels;
    INSERT INTO events SELECT gen_random_uuid(), 'order.placed', id, '{}', placed_at, total % 100 <> 0 FROM orders;
    INSERT INTO deliveries SELECT gen_random_uuid(), 'webhook:' || extract(epoch FROM at)::bigint % 50, thing, '{}', CASE WHEN relayed THEN 'done' ELSE 'pending' END,
        1, at, NULL, at, 1 FROM events;
    INSERT INTO webhooks SELECT gen_random_uuid(), 'https://example.com/' || n, '[]', true, 0, NULL, now(), now(), 1
        FROM generate_series(1, 5) AS n;
    INSERT INTO answers SELECT 'user:' || id, 'orders.place', 'k', decode(repeat('00', 32), 'hex'), '', placed_at FROM orders;
    ANALYZE;";

/// The listed products and counts of these rows, and the rows of tables that were added later.
const LISTED: &str = "
    INSERT INTO daily_counts SELECT id, 'mails', extract(epoch FROM date_joined)::bigint / 86400, 1 FROM users;
    INSERT INTO deliveries (id, receiver, thing, content, status, attempts, due_at, created_at, version)
        SELECT gen_random_uuid(), CASE WHEN relayed THEN 'mail' ELSE receiver END, events.thing, '{}', 'dead', 15, at, at, 1
        FROM events JOIN deliveries ON deliveries.thing = events.thing;
    INSERT INTO price_history SELECT id, 1, price, 'USD', now(), NULL FROM variants;
    INSERT INTO price_history SELECT id, 0, price, 'USD', now(), now() FROM variants;
    INSERT INTO listed_products SELECT id, status, category_id, price % 7 <> 0, created_at, name_key, price FROM products;
    INSERT INTO list_counts SELECT 'products_of_category', status, '1', replace(category_id::text, '-', ''), 0, count(*), 1
        FROM listed_products GROUP BY status, category_id;
    ANALYZE;";

/// The nodes of a plan, each after its parent.
fn nodes<'p>(plan: &'p Value, found: &mut Vec<&'p Value>) {
    found.push(plan);
    for child in plan["Plans"].as_array().into_iter().flatten() {
        nodes(child, found);
    }
}

/// The generic plan of a prepared statement, whatever its arguments are.
async fn plan(session: &mut Session<'_>, sql: &str) -> Value {
    let places = (1..100).take_while(|place| sql.contains(&format!("${place}"))).count();
    let nothing = if places == 0 { String::new() } else { format!("({})", vec!["NULL"; places].join(", ")) };
    let prepare = format!("SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE looked_at AS {sql}");
    session.simple(AssertSqlSafe(prepare)).await.unwrap();
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at {nothing}");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(session.connection()).await.unwrap();
    let plan: Value = serde_json::from_str(rows[0].try_get_unchecked(0).unwrap()).unwrap();
    plan[0]["Plan"].clone()
}

/// True for a sort of more rows than a page reads anyway.
fn is_large_sort(step: &Value) -> bool {
    let sorts = step["Node Type"] == "Sort";
    sorts && step["Plan Rows"].as_f64().is_some_and(|rows| rows > 100.0)
}

/// The steps of a plan that read more than they should.
fn faults(plan: &Value, sql: &str) -> Vec<String> {
    let mut steps = Vec::new();
    nodes(plan, &mut steps);
    let counts = sql.starts_with("SELECT count(*)");
    let may_look_at_all = counts && (!sql.contains(" WHERE ") || LOOSE.iter().any(|loose| sql.contains(loose)));
    let sorted = steps.iter().any(|step| is_large_sort(step));
    // Scanning an index in order is right for a list, because the page ends the scan, unless the result is then sorted.
    let ends = sql.contains(" LIMIT ") && !sorted;
    // By relevance without a search: along the ids.
    let may_look_at_all = may_look_at_all || sql.contains("ORDER BY listed.id");
    let fault = |step: &&Value| {
        let kind = step["Node Type"].as_str()?;
        let table = step["Relation Name"].as_str()?;
        let whole = match kind {
            "Seq Scan" => true,
            "Index Scan" | "Index Only Scan" => {
                let all_of_it = !PARTIAL.contains(&step["Index Name"].as_str()?);
                step["Index Cond"].is_null() && !ends && all_of_it
            }
            _ => false,
        };
        (!SMALL.contains(&table) && whole && !may_look_at_all).then(|| format!("{kind} of {table}"))
    };
    steps.iter().filter_map(fault).collect()
}

/// The common lists, in their default orders. (One order has few rows of any kind, so they may be sorted.)
fn is_usual(sql: &str) -> bool {
    let Some((_, order)) = sql.rsplit_once("ORDER BY ") else { return false };
    let newest_first =
        [".created_at DESC", ".placed_at DESC", ".date_joined DESC"].iter().any(|key| order.contains(key));
    let one_key = order.matches(", ").count() == 1;
    let several_filters =
        [" AND ", "EXISTS", "@@", ".order_id = $", "category_id IN"].iter().any(|text| sql.contains(text));
    newest_first && one_key && !several_filters && sql.ends_with("LIMIT 20")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_looks_at_a_whole_table_that_grows() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let store = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
    every_read(&store).await.unwrap();
    let mut lease = store.pool.acquire().await.unwrap();
    let mut session = lease.session();
    session.simple(ROWS).await.unwrap();
    session.simple(LISTED).await.unwrap();
    let mut statements = STATEMENTS.lock().unwrap().clone();
    // Writes find their rows by key, see `commit`. The read of the price rules starts with `WITH`.
    let reads = |sql: &str| sql.starts_with("SELECT ") || sql.starts_with("WITH who ");
    let of_catalog = |sql: &str| sql.contains("pg_catalog") || sql.contains("information_schema");
    statements.retain(|sql| reads(sql) && sql.contains(" FROM ") && !of_catalog(sql));
    // `check` counts everything.
    statements
        .retain(|sql| !sql.starts_with("SELECT DISTINCT key_1") && !sql.contains("IS DISTINCT FROM (products.status"));
    assert!(statements.iter().any(|sql| sql.starts_with("WITH ")), "the rules of prices are not among them");
    assert!(statements.len() > 200, "only {} statements", statements.len());
    let (mut wrong, mut usual) = (Vec::new(), 0);
    for sql in &statements {
        let plan = plan(&mut session, sql).await;
        let mut faults = faults(&plan, sql);
        if is_usual(sql) {
            usual += 1;
            let mut steps = Vec::new();
            nodes(&plan, &mut steps);
            faults.extend(steps.iter().any(|step| is_large_sort(step)).then(|| "the sort of a usual list".to_owned()));
        }
        if !faults.is_empty() {
            wrong.push(format!("{sql}\n  {}\n  {plan:#}", faults.join("\n  ")));
        }
    }
    assert!(usual > 15, "only {usual}");
    assert!(wrong.is_empty(), "{} statements:\n{}", wrong.len(), wrong.join("\n"));
}

/// See `is_one_of`: after five executions the planner keeps one plan, because it does not expect a cheaper one.
#[tokio::test(flavor = "multi_thread")]
async fn reads_by_key_are_not_planned_anew() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let store = PostgresStore::connect(PostgresOptions::parse(&url).unwrap().max_connections(1)).await.unwrap();
    let id = uuid::Uuid::from_u128(1);
    let rules = RulesQuery { customer: Some(Customer::User(id.into())), ..RulesQuery::default() };
    for _ in 0..8 {
        store.user(id.into()).await.unwrap();
        store.open_cart_of(id.into()).await.unwrap();
        store.products_of_variants(&[id.into()]).await.unwrap();
        store.stock_of(&[id.into()]).await.unwrap();
        store.method(id.into()).await.unwrap();
        store.price_rules(&rules).await.unwrap();
    }
    let mut lease = store.pool.acquire().await.unwrap();
    let sql =
        "SELECT statement FROM pg_prepared_statements WHERE custom_plans + generic_plans >= 8 AND generic_plans < 3";
    let rows = lease.session().rows(AssertSqlSafe(sql.to_owned()), PgArguments::default()).await.unwrap();
    let anew: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(anew.is_empty(), "{anew:#?}");
    let sql = "SELECT count(*) FROM pg_prepared_statements WHERE custom_plans = 5 AND generic_plans = 3";
    let rows = lease.session().rows(AssertSqlSafe(sql.to_owned()), PgArguments::default()).await.unwrap();
    assert_eq!(rows.first().map(|row| row.get::<i64, _>(0)), Some(6));
}
