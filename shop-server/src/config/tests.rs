use std::time::Duration;

use super::*;
use crate::stripe::Capture;

fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn config(pairs: &[(&str, &str)]) -> Config {
    Config::from_variables(&variables(pairs)).unwrap()
}

fn refused(pairs: &[(&str, &str)]) -> String {
    let error = Config::from_variables(&variables(pairs)).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let config = config(&[]);
    assert!(!config.debug && !config.auth_cookies && config.rate_limit && config.secret_key.is_none());
    assert!(!config.webhooks_allow_private);
    assert_eq!(config.database, Database::Sqlite("db.sqlite3".into()));
    assert_eq!(config.email.backend, EmailBackend::Console);
    assert_eq!(config.bind, "127.0.0.1:8000");
    assert_eq!(config.cors_allowed_origins, ["http://localhost:3000"]);
    assert_eq!(config.frontend_url, "http://localhost:3000");
    assert_eq!(config.currency, Currency::USD);
    assert_eq!((config.prices_include_tax, config.tax_rounding), (false, TaxRounding::Line));
    let seconds = [config.access_token_lifetime, config.refresh_token_lifetime, config.reservation_ttl];
    assert_eq!(seconds.map(|time| time.as_secs()), [300, 86_400, 1800]);
    assert_eq!(config.manual_payment_ttl.map(|time| time.as_secs()), Some(604_800));
    assert_eq!(config.guest_cart_ttl.map(|time| time.as_secs()), Some(2_592_000));
    assert_eq!(config.session_lifetime.as_secs(), 30 * 24 * 60 * 60);
    assert_eq!((config.max_mails_per_day, config.max_otp_tries_per_day), (Some(20), Some(20)));
    assert_eq!(config.unverified_account_ttl.map(|time| time.as_secs()), Some(604_800));
    assert!(config.token_issuer.is_none() && config.secret_key_fallbacks.is_empty());
}

#[test]
fn log_lines_are_written_as_it_is_said() {
    for (given, format) in
        [("", LogFormat::Auto), ("auto", LogFormat::Auto), ("Text", LogFormat::Text), ("json", LogFormat::Json)]
    {
        assert_eq!(config(&[("LOG_FORMAT", given)]).log_format, format);
    }
    assert!(refused(&[("LOG_FORMAT", "xml")]).starts_with("LOG_FORMAT: "));
}

#[test]
fn empty_counts_as_unset() {
    let config = config(&[("SECRET_KEY", ""), ("DEBUG", " "), ("DB_NAME", ""), ("RATE_LIMIT", ""), ("CURRENCY", "")]);
    assert!(config.secret_key.is_none() && !config.debug && config.rate_limit);
}

#[test]
fn taxes_are_contained_and_rounded_as_it_is_said() {
    let config = config(&[("PRICES_INCLUDE_TAX", "True"), ("TAX_ROUNDING", "Order")]);
    assert_eq!((config.prices_include_tax, config.tax_rounding), (true, TaxRounding::Order));
    assert!(refused(&[("TAX_ROUNDING", "cart")]).starts_with("TAX_ROUNDING: "));
    assert!(refused(&[("PRICES_INCLUDE_TAX", "gross")]).starts_with("PRICES_INCLUDE_TAX: "));
}

#[test]
fn booleans_are_read_as_django_and_shells_write_them() {
    for yes in ["True", "true", "1"] {
        assert!(config(&[("DEBUG", yes)]).debug);
    }
    for no in ["False", "false", "0"] {
        assert!(!config(&[("DEBUG", no)]).debug);
    }
    assert!(refused(&[("DEBUG", "maybe")]).starts_with("DEBUG: "));
    assert!(refused(&[("AUTH_COOKIES", "TRUE!")]).starts_with("AUTH_COOKIES: "));
    assert!(config(&[("WEBHOOKS_ALLOW_PRIVATE", "True")]).webhooks_allow_private);
    assert!(refused(&[("WEBHOOKS_ALLOW_PRIVATE", "10.0.0.1")]).starts_with("WEBHOOKS_ALLOW_PRIVATE: "));
}

#[test]
fn an_order_can_be_paid_somehow() {
    let key = ("STRIPE_SECRET_KEY", "sk_test_1234");
    assert!(config(&[]).manual_payments && config(&[("MANUAL_PAYMENTS", "True")]).manual_payments);
    // With another gateway, manual payments must be turned on.
    assert!(!config(&[key]).manual_payments && !config(&[key, ("MANUAL_PAYMENTS", "")]).manual_payments);
    assert!(config(&[key, ("MANUAL_PAYMENTS", "True")]).manual_payments);
    assert!(!config(&[key, ("MANUAL_PAYMENTS", "False")]).manual_payments);
    assert!(refused(&[("MANUAL_PAYMENTS", "False")]).starts_with("MANUAL_PAYMENTS: "));
    assert!(refused(&[key, ("MANUAL_PAYMENTS", "never")]).starts_with("MANUAL_PAYMENTS: "));
}

#[test]
fn an_order_waits_for_a_payment_outside_the_shop_as_long_as_it_is_said() {
    assert_eq!(config(&[("MANUAL_PAYMENT_TTL", "3600")]).manual_payment_ttl, Some(Duration::from_hours(1)));
    assert_eq!(config(&[("MANUAL_PAYMENT_TTL", "0")]).manual_payment_ttl, None);
    for wrong in ["-1", "a week", "99999999999", "0.5"] {
        assert!(refused(&[("MANUAL_PAYMENT_TTL", wrong)]).starts_with("MANUAL_PAYMENT_TTL: "), "{wrong}");
    }
}

#[test]
fn a_guests_cart_stays_as_long_as_it_is_said() {
    assert_eq!(config(&[("GUEST_CART_TTL", "60")]).guest_cart_ttl, Some(Duration::from_mins(1)));
    assert_eq!(config(&[("GUEST_CART_TTL", "0")]).guest_cart_ttl, None);
    for wrong in ["-1", "a month", "99999999999", "0.5"] {
        assert!(refused(&[("GUEST_CART_TTL", wrong)]).starts_with("GUEST_CART_TTL: "), "{wrong}");
    }
}

#[test]
fn databases_are_found_under_every_name() {
    let sqlite = |pairs: &[(&str, &str)], path: &str| {
        assert_eq!(config(pairs).database, Database::Sqlite(path.into()));
    };
    sqlite(&[("DB_ENGINE", "django.db.backends.sqlite3"), ("DB_NAME", "shop.db")], "shop.db");
    sqlite(&[("DATABASE_URL", "sqlite:shop.db"), ("DB_ENGINE", "mysql")], "shop.db");
    sqlite(&[("DATABASE_URL", "sqlite://data/shop.db")], "data/shop.db");
    sqlite(&[("DATABASE_URL", "sqlite:///var/shop.db")], "/var/shop.db");
    assert!(refused(&[("DB_ENGINE", "mysql")]).starts_with("DB_ENGINE: "));
    assert!(refused(&[("DATABASE_URL", "sqlite:")]).starts_with("DATABASE_URL: "));
    assert!(refused(&[("DB_NAME", ":memory:")]).starts_with("DB_NAME: "));
}

fn postgres(pairs: &[(&str, &str)]) -> Postgres {
    match config(&[pairs, &[("SECRET_KEY", &"k".repeat(32))]].concat()).database {
        Database::Postgres(postgres) => postgres,
        other @ Database::Sqlite(_) => panic!("{other:?}"),
    }
}

#[test]
fn postgres_is_reached_by_a_url_or_by_djangos_variables() {
    let url = "postgres://shop:hunter2@db.example:5433/shop?sslmode=require";
    let by_url = postgres(&[("DATABASE_URL", url), ("DB_ENGINE", "sqlite")]);
    assert_eq!(by_url.url.expose(), url);
    assert_eq!((by_url.pool_size, by_url.statement_timeout.as_secs(), by_url.pgbouncer), (16, 10, false));
    let parts = [
        ("DB_ENGINE", "django.db.backends.postgresql"),
        ("DB_NAME", "my shop"),
        ("DB_USER", "ann@example"),
        ("DB_PASSWORD", "p&ss=w/rd %"),
        ("DB_HOST", "db.example"),
        ("DB_PORT", "5433"),
    ];
    let by_parts = postgres(&parts);
    let shown = format!("{:?}", by_parts.options().unwrap());
    for part in ["db.example", "5433", "ann@example", "my shop"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(by_parts.url.expose().contains("password=p%26ss%3Dw%2Frd%20%25"));
    let tuned = [("DB_POOL_SIZE", "40"), ("DB_STATEMENT_TIMEOUT", "3"), ("DB_PGBOUNCER", "True")];
    let tuned = postgres(&[&parts[..], &tuned].concat());
    assert_eq!((tuned.pool_size, tuned.statement_timeout.as_secs(), tuned.pgbouncer), (40, 3, true));
    assert!(!format!("{tuned:?} {:?}", tuned.options()).contains("p&ss"));
}

#[test]
fn what_is_wrong_with_postgres_is_named_and_no_password_shown() {
    let with = |name: &'static str, value: &'static str| {
        refused(&[("DB_ENGINE", "postgres"), ("DB_NAME", "shop"), ("DB_PASSWORD", "hunter2"), (name, value)])
    };
    assert!(refused(&[("DB_ENGINE", "postgres")]).starts_with("DB_NAME: "));
    assert!(with("DB_PORT", "70000").starts_with("DB_PORT: "));
    assert!(with("DB_POOL_SIZE", "1").starts_with("DB_POOL_SIZE: "));
    assert!(with("DB_STATEMENT_TIMEOUT", "0").starts_with("DB_STATEMENT_TIMEOUT: "));
    assert!(with("DB_PGBOUNCER", "perhaps").starts_with("DB_PGBOUNCER: "));
    for url in ["postgres://shop:hunter2@host:port/shop", "postgres://shop:hunter2@host/shop?sslmode=hunter2"] {
        let refused = refused(&[("DATABASE_URL", url)]);
        assert!(refused.starts_with("DATABASE_URL: ") && !refused.contains("hunter2"), "{refused}");
    }
    assert!(refused(&[("DATABASE_URL", "mysql://host/shop")]).starts_with("DATABASE_URL: "));
}

#[test]
fn servers_that_share_a_database_must_be_given_their_key() {
    assert!(refused(&[("DB_ENGINE", "postgres"), ("DB_NAME", "shop")]).starts_with("SECRET_KEY: "));
    assert!(refused(&[("DATABASE_URL", "postgres://db.example/shop")]).starts_with("SECRET_KEY: "));
}

#[test]
fn a_short_key_passes_only_while_debugging() {
    assert!(refused(&[("SECRET_KEY", "short")]).starts_with("SECRET_KEY: "));
    assert!(config(&[("SECRET_KEY", "short"), ("DEBUG", "True")]).secret_key.is_some());
    assert!(config(&[("SECRET_KEY", &"k".repeat(32))]).secret_key.is_some());
    let (key, short) = ("k".repeat(32), ("SECRET_KEY_FALLBACKS", "short, other"));
    assert!(refused(&[("SECRET_KEY", &key), short]).starts_with("SECRET_KEY_FALLBACKS: "));
    let keys = config(&[("SECRET_KEY", &key), short, ("DEBUG", "True")]).secret_key_fallbacks;
    assert_eq!(keys.iter().map(ConfigSecret::expose).collect::<Vec<_>>(), ["short", "other"]);
}

#[test]
fn no_secret_shows_in_debug_output() {
    let config = config(&[
        ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("EMAIL_HOST_USER", "me@example.org"),
        ("EMAIL_HOST_PASSWORD", "hunter2"),
    ]);
    let shown = format!("{config:?}");
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn mail_follows_the_seed_and_django() {
    let smtp = |pairs: &[(&str, &str)]| match config(pairs).email.backend {
        EmailBackend::Smtp(smtp) => (smtp.host, smtp.port, smtp.tls),
        other => panic!("{other:?}"),
    };
    assert_eq!(smtp(&[("EMAIL_HOST_USER", "me@gmail.com")]), ("smtp.gmail.com".into(), 587, Tls::StartTls));
    assert_eq!(smtp(&[("EMAIL_HOST", "mail")]), ("mail".into(), 25, Tls::None));
    assert_eq!(smtp(&[("EMAIL_HOST", "mail"), ("EMAIL_USE_TLS", "True")]), ("mail".into(), 587, Tls::StartTls));
    assert_eq!(smtp(&[("EMAIL_HOST", "mail"), ("EMAIL_PORT", "465")]), ("mail".into(), 465, Tls::Implicit));
    let implicit = [("EMAIL_HOST", "mail"), ("EMAIL_USE_SSL", "True")];
    assert_eq!(smtp(&implicit), ("mail".into(), 465, Tls::Implicit));
    assert_eq!(smtp(&[implicit[0], implicit[1], ("EMAIL_PORT", "4650")]), ("mail".into(), 4650, Tls::Implicit));
    let both = [implicit[0], implicit[1], ("EMAIL_USE_TLS", "True")];
    assert!(refused(&both).starts_with("EMAIL_USE_SSL: "));
    assert_eq!(smtp(&[("EMAIL_BACKEND", "smtp")]), ("localhost".into(), 25, Tls::None));
    assert_eq!(config(&[("EMAIL_HOST_USER", "me@gmail.com")]).email.from.email.to_string(), "me@gmail.com");
    let file = config(&[("EMAIL_BACKEND", "file"), ("EMAIL_FILE_PATH", "/tmp/mail")]);
    assert_eq!(file.email.backend, EmailBackend::File("/tmp/mail".into()));
    assert!(refused(&[("EMAIL_BACKEND", "file")]).starts_with("EMAIL_FILE_PATH: "));
    assert!(refused(&[("EMAIL_BACKEND", "pigeon")]).starts_with("EMAIL_BACKEND: "));
    assert!(refused(&[("EMAIL_HOST", "mail"), ("EMAIL_PORT", "0")]).starts_with("EMAIL_PORT: "));
    for no_certificates in ["/no/such/file", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let why = refused(&[("EMAIL_HOST", "mail"), ("EMAIL_CA_FILE", no_certificates)]);
        assert!(why.starts_with("EMAIL_CA_FILE: ") && why.contains(no_certificates), "{why}");
    }
    assert!(refused(&[("DEFAULT_FROM_EMAIL", "not an address")]).starts_with("DEFAULT_FROM_EMAIL: "));
}

#[test]
fn every_other_wrong_value_names_its_variable() {
    for (name, value) in [
        ("BIND", "8000"),
        ("BIND", "host:port"),
        ("CURRENCY", "dollars"),
        ("ACCESS_TOKEN_LIFETIME", "-1"),
        ("ACCESS_TOKEN_LIFETIME", "0"),
        ("REFRESH_TOKEN_LIFETIME", "1e9"),
        ("RESERVATION_TTL", "99999999999999999999"),
        ("MAX_MAILS_PER_DAY", "-1"),
        ("MAX_OTP_TRIES_PER_DAY", "1000001"),
        ("UNVERIFIED_ACCOUNT_TTL", "a week"),
        ("SESSION_LIFETIME", "0"),
        ("SESSION_LIFETIME", "315360001"),
        ("SESSION_LIFETIME", "a month"),
        ("TOKEN_ISSUER", &"x".repeat(256)),
        ("SECRET_KEY_FALLBACKS", "0123456789abcdef0123456789abcdef,short"),
        ("RATE_LIMIT", "sometimes"),
        ("MAX_UNPAID_ORDERS", "many"),
        ("MAX_UNPAID_ORDERS", "-1"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("CORS_ALLOWED_ORIGINS", "shop.example"),
        ("FRONTEND_URL", "javascript:alert(1)"),
    ] {
        assert!(refused(&[(name, value)]).starts_with(&format!("{name}: ")), "{name}={value}");
    }
}

#[test]
fn lists_and_addresses_are_normalised() {
    let config = config(&[
        ("CORS_ALLOWED_ORIGINS", "https://A.example/, http://b.example:81"),
        ("FRONTEND_URL", "https://shop.example/app/"),
        ("RATE_LIMIT", "OFF"),
        ("CURRENCY", "JPY"),
    ]);
    assert_eq!(config.cors_allowed_origins, ["https://a.example", "http://b.example:81"]);
    assert_eq!(config.frontend_url, "https://shop.example/app");
    assert!(!config.rate_limit);
    assert_eq!(config.currency.code(), "JPY");
}

#[test]
fn the_environment_beats_the_file_unless_it_is_empty() {
    let file = std::env::temp_dir().join(format!("shop-env-{}", std::process::id()));
    std::fs::write(&file, "BIND=0.0.0.0:1\nCURRENCY=EUR\n").unwrap();
    let environment = [("BIND", "0.0.0.0:2"), ("CURRENCY", "")];
    let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
    let variables = read_variables(&file, environment).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!((variables["BIND"].as_str(), variables["CURRENCY"].as_str()), ("0.0.0.0:2", "EUR"));
}

#[test]
fn cards_are_taken_with_a_key() {
    assert_eq!(config(&[("STRIPE_WEBHOOK_SECRET", "whsec_abcd")]).stripe, None);
    let key = ("STRIPE_SECRET_KEY", "sk_test_4eC39H");
    let stripe = config(&[key]).stripe.unwrap();
    assert_eq!((stripe.api_base.as_str(), stripe.capture), ("https://api.stripe.com", Capture::Automatic));
    assert!(stripe.webhook_secrets.is_empty());
    let all = [
        ("STRIPE_SECRET_KEY", "rk_live_4eC39H"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_new1, whsec_old1,"),
        ("STRIPE_API_BASE", "http://127.0.0.1:8420/"),
        ("STRIPE_CAPTURE", "manual"),
    ];
    let stripe = config(&all).stripe.unwrap();
    assert_eq!(stripe.webhook_secrets, [ConfigSecret::new("whsec_new1"), ConfigSecret::new("whsec_old1")]);
    assert_eq!((stripe.api_base.as_str(), stripe.capture), ("http://127.0.0.1:8420", Capture::Manual));
    assert!(!format!("{stripe:?}").contains("4eC39H") && !format!("{stripe:?}").contains("whsec"));
}

#[test]
fn what_is_wrong_about_stripe_is_named_and_not_shown() {
    for wrong in ["pk_test_4eC39H", "4eC39Hq", "sk_", "sk_test_4eC3 9H", "sk_test_4eC39H\u{e9}"] {
        let why = refused(&[("STRIPE_SECRET_KEY", wrong)]);
        assert!(why.starts_with("STRIPE_SECRET_KEY: ") && !why.contains("4eC"), "{why}");
    }
    for wrong in ["secret", "whsec_", "whsec_abcd,sk_test_4eC39H"] {
        let why = refused(&[("STRIPE_WEBHOOK_SECRET", wrong)]);
        assert!(why.starts_with("STRIPE_WEBHOOK_SECRET: ") && !why.contains("4eC"), "{why}");
    }
    let bases = [
        "api.stripe.com",
        "http://api.stripe.com",
        "https://",
        "https://a/v1",
        "https://u@a",
        "ftp://a",
        "http://127.0.0.1.evil.example",
    ];
    for wrong in bases {
        let why = refused(&[("STRIPE_API_BASE", wrong)]);
        assert!(why.starts_with("STRIPE_API_BASE: "), "{wrong}: {why}");
    }
    assert!(refused(&[("STRIPE_CAPTURE", "later")]).starts_with("STRIPE_CAPTURE: "));
}

#[test]
fn unpaid_orders_are_limited_where_tries_are() {
    let limit = |variables: &[(&str, &str)]| config(variables).max_unpaid_orders;
    assert_eq!(limit(&[]), Some(10));
    assert_eq!(limit(&[("RATE_LIMIT", "off")]), None);
    assert_eq!(limit(&[("RATE_LIMIT", "off"), ("MAX_UNPAID_ORDERS", "3")]), Some(3));
    assert_eq!(limit(&[("MAX_UNPAID_ORDERS", "0")]), None);
}

#[test]
fn withdrawals_have_a_period() {
    assert_eq!(config(&[]).withdrawal_days, 14);
    assert_eq!(["0", "30", "3650"].map(|days| config(&[("WITHDRAWAL_DAYS", days)]).withdrawal_days), [0, 30, 3650]);
    for wrong in ["-1", "3651", "14 days", "1.5"] {
        assert!(refused(&[("WITHDRAWAL_DAYS", wrong)]).starts_with("WITHDRAWAL_DAYS: "), "{wrong}");
    }
}

#[test]
fn proxies_are_networks_and_nothing_else() {
    let trusted = |list| config(&[("TRUSTED_PROXIES", list)]).proxies;
    assert!(config(&[]).proxies.trusted.is_empty() && config(&[]).proxies.public_url.is_none());
    let proxies = trusted("10.0.0.0/8, ::1/128,192.0.2.7,");
    for (address, believed) in
        [("10.9.9.9", true), ("::1", true), ("192.0.2.7", true), ("192.0.2.8", false), ("::2", false)]
    {
        assert_eq!(proxies.trusts(address.parse().unwrap()), believed, "{address}");
    }
    for wrong in ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/40", "10.0.0.0/8 ::1", "10.0.0.0-10.0.0.9"] {
        assert!(refused(&[("TRUSTED_PROXIES", wrong)]).starts_with("TRUSTED_PROXIES: "), "{wrong}");
    }
}

#[test]
fn the_public_url_is_an_address_without_a_query() {
    let url = |text| config(&[("PUBLIC_URL", text)]).proxies.public_url.unwrap().to_string();
    assert_eq!(url("https://API.shop.example/"), "https://api.shop.example");
    assert_eq!(url("https://shop.example:443/api/"), "https://shop.example/api");
    assert_eq!(url("http://127.0.0.1:8000"), "http://127.0.0.1:8000");
    for wrong in [
        "shop.example",
        "ftp://shop.example",
        "https://",
        "https://u@shop.example",
        "https://a?x=1",
        "https://a#b",
        "/a",
        "https://a b",
    ] {
        assert!(refused(&[("PUBLIC_URL", wrong)]).starts_with("PUBLIC_URL: "), "{wrong}");
    }
}

#[test]
fn cookies_are_sent_only_to_pages_that_were_named() {
    let origins = |pairs: &[(&str, &str)]| config(pairs).cors_allowed_origins;
    let (cookies, debug) = (("AUTH_COOKIES", "True"), ("DEBUG", "True"));
    assert!(origins(&[cookies]).is_empty());
    assert_eq!(origins(&[cookies, debug]), ["http://localhost:3000"]);
    assert_eq!(origins(&[cookies, ("CORS_ALLOWED_ORIGINS", "https://shop.example")]), ["https://shop.example"]);
}

#[test]
fn docs_and_metrics_can_be_turned_off() {
    assert!(config(&[]).docs && config(&[]).metrics);
    let off = config(&[("DOCS", "False"), ("METRICS", "False")]);
    assert!(!off.docs && !off.metrics);
    assert!(
        refused(&[("DOCS", "maybe")]).starts_with("DOCS: ") && refused(&[("METRICS", "x")]).starts_with("METRICS: ")
    );
}
