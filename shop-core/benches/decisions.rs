//! `cargo bench -p shop-core`: what the pure decisions cost that every buyer waits for. They read nothing, so the
//! figures are those of the rules alone.

use std::collections::BTreeMap;
use std::hint::black_box;

use chrono::DateTime;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use shop_core::cart::{Cart, CartContents, CartItem, CartView, operations as carts};
use shop_core::catalog::{Product, ProductStatus, Variant};
use shop_core::clock::DecisionContext;
use shop_core::inventory::StockLevel;
use shop_core::inventory::operations::allocate;
use shop_core::money::{Amount, Currency};
use shop_core::orders::operations::{Placement, place};
use shop_core::payments::ManualGateway;
use shop_core::pricing::{Basket, BasketLine, CountedOffer, PriceRules, Ratio, TaxRounding, Taxes, own_rates, price};
use shop_core::promotions::{Offer, Promotion};
use shop_core::shipping::operations::quote;
use shop_core::shipping::{Address, Method, Rate, Zone};
use shop_core::taxes::TaxRate;
use shop_core::validate::Email;

/// How many lines a cart has.
const SIZES: [usize; 2] = [2, 50];

fn context() -> DecisionContext {
    DecisionContext::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default(), [3; 32])
}

/// A cart of `lines` lines with its products, in stock at three locations.
fn cart(lines: usize) -> (Cart, CartContents) {
    let mut context = context();
    let mut cart = carts::open(None, Currency::USD, &mut context);
    cart.version = 1;
    let locations = [context.id(), context.id(), context.id()];
    let mut contents = CartContents::default();
    for number in 0..lines {
        let variant = Variant {
            id: context.id(),
            sku: format!("SHIRT-{number}-M"),
            price: Amount(1_999),
            compare_at_price: None,
            options: BTreeMap::from([("size".to_owned(), "M".to_owned())]),
            weight_grams: 250,
            barcode: None,
            tax_class: "standard".to_owned(),
            archived: false,
            lowest_price_30_days: None,
        };
        let product = Product {
            id: context.id(),
            slug: format!("shirt-{number}"),
            name: format!("Shirt number {number} for every day"),
            description: "Made of heavy cotton, washed before it is cut.".to_owned(),
            status: ProductStatus::Active,
            category_id: None,
            currency: Currency::USD,
            options: vec!["size".to_owned()],
            images: Vec::new(),
            attributes: serde_json::Map::new(),
            variants: vec![variant.clone()],
            created_at: context.now(),
            updated_at: context.now(),
            version: 1,
        };
        cart.items.push(CartItem { id: context.id(), variant_id: variant.id, quantity: 2 });
        contents.stock.extend(locations.map(|location_id| StockLevel {
            variant_id: variant.id,
            product_id: product.id,
            sku: variant.sku.clone(),
            location_id,
            on_hand: 100,
            reserved: 10,
            backordered: 0,
            low_stock_threshold: 5,
            tracked: true,
            backorder: false,
        }));
        contents.products.push(product);
    }
    (cart, contents)
}

/// The whole world, by weight.
fn shipping_rates() -> (Vec<Zone>, Vec<Method>) {
    let mut context = context();
    let zone = Zone {
        id: context.id(),
        name: "World".to_owned(),
        countries: vec!["*".to_owned()],
        created_at: context.now(),
        version: 1,
    };
    let method = Method {
        id: context.id(),
        name: "Post".to_owned(),
        zone_id: zone.id,
        carrier: Some("UPS".to_owned()),
        currency: Currency::USD,
        rate: Rate::Flat { price: Amount(499) },
        free_over: Some(Amount(50_000)),
        min_days: Some(2),
        max_days: Some(5),
        active: true,
        created_at: context.now(),
        version: 1,
    };
    (vec![zone], vec![method])
}

fn address() -> Address {
    Address {
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        company: None,
        line1: "12 St James's Square".to_owned(),
        line2: None,
        city: "New York".to_owned(),
        region: Some("NY".to_owned()),
        postal_code: Some("10001".to_owned()),
        country: "US".to_owned(),
        phone: None,
    }
}

/// So many promotions of all kinds, half of them for some products only, and a rate of tax.
fn rules(contents: &CartContents, promotions: u8) -> PriceRules {
    let mut context = context();
    let promotion = |number: u8, context: &mut DecisionContext| Promotion {
        id: context.id(),
        name: format!("Promotion {number}"),
        code: None,
        code_key: None,
        currency: Currency::USD,
        offer: match number % 4 {
            0 => Offer::Percent { ratio: Ratio(20_000) },
            1 => Offer::Fixed { amount: Amount(150) },
            2 => Offer::BuyXGetY { buy: 9, get: 1 },
            _ => Offer::Percent { ratio: Ratio(15_000) },
        },
        min_subtotal: Some(Amount(1_000)),
        product_ids: match number % 2 {
            0 => std::collections::BTreeSet::new(),
            _ => contents.products.iter().step_by(2).map(|product| product.id).collect(),
        },
        category_ids: std::collections::BTreeSet::new(),
        customer_ids: std::collections::BTreeSet::new(),
        first_order_only: false,
        starts_at: None,
        ends_at: None,
        usage_limit: Some(1_000),
        usage_limit_per_customer: None,
        combinable: true,
        priority: i64::from(number),
        active: true,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    let offered = |number| CountedOffer {
        promotion: promotion(number, &mut context),
        uses: 3,
        customer_uses: 0,
        categories: std::collections::BTreeSet::new(),
    };
    let promotions = (0..promotions).map(offered).collect();
    let mut context = self::context();
    let rate = TaxRate {
        id: context.id(),
        name: "Sales tax".to_owned(),
        tax_class: "standard".to_owned(),
        country: "US".to_owned(),
        region: None,
        region_key: String::new(),
        rate: Ratio(88_750),
        applies_to_shipping: true,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    PriceRules { promotions, customer_orders: Some(0), unpaid_orders: 0, tax_rates: vec![rate] }
}

fn pricing(criterion: &mut Criterion) {
    let (cart, contents) = cart(50);
    let rules = rules(&contents, 20);
    let lines: Vec<BasketLine<'_>> =
        cart.items.iter().filter_map(|item| contents.line(item.variant_id, item.quantity)).collect();
    let bought = || lines.iter().map(|line| (line.variant_id, line.tax_class));
    let (quote, shipping_shares) = own_rates(&rules.tax_rates, &address(), bought());
    let taxes = Taxes { quote, shipping_shares, included: false, rounding: TaxRounding::Line };
    let basket = Basket {
        currency: cart.currency,
        lines: &lines,
        coupons: &cart.coupons,
        customer_id: None,
        shipping: Some(("Post", Amount(499))),
        now: context().now(),
    };
    criterion.bench_function("price fifty lines with twenty promotions", |bench| {
        bench.iter(|| price(black_box(&basket), black_box(&rules), black_box(&taxes)));
    });
    criterion.bench_function("the rates of tax of fifty lines", |bench| {
        bench.iter(|| own_rates(black_box(&rules.tax_rates), &address(), bought()));
    });
}

fn decisions(criterion: &mut Criterion) {
    let gateway = ManualGateway::default();
    let (zones, methods) = shipping_rates();
    for lines in SIZES {
        let (cart, contents) = cart(lines);
        let (weight, subtotal) = carts::weight_and_subtotal(&cart, &contents);
        let Some(quote) = quote(&zones, &methods, "US", weight, subtotal, cart.currency).pop() else { return };
        let placement = || Placement {
            cart: cart.clone(),
            contents: contents.clone(),
            cheapest_shipping: quote.price,
            quote: quote.clone(),
            rules: PriceRules::default(),
            taxes: Taxes::default(),
            shipping_address: address(),
            billing_address: address(),
            email: Email { address: "Ada@example.com".to_owned(), key: "ada@example.com".to_owned() },
            gateway: &gateway,
            hold_until: Some(context().now()),
            expected_total: None,
            note: String::new(),
            role: "customer",
            max_unpaid: None,
        };
        criterion.bench_with_input(BenchmarkId::new("place an order of lines", lines), &lines, |bench, _| {
            bench.iter_batched(placement, |placement| place(placement, &mut context()), BatchSize::SmallInput);
        });
        criterion.bench_with_input(BenchmarkId::new("show a cart of lines", lines), &lines, |bench, _| {
            bench.iter(|| {
                CartView::new(black_box(&cart), black_box(&contents), &PriceRules::default(), context().now())
            });
        });
    }
    let (cart, contents) = cart(1);
    let levels = contents.stock;
    criterion.bench_function("serve a line from three locations", |bench| {
        bench.iter(|| allocate(black_box(&levels), "SHIRT-0-M", 200));
    });
    criterion.bench_function("quote the tariff", |bench| {
        bench.iter(|| quote(black_box(&zones), black_box(&methods), "US", 500, Amount(3_998), cart.currency));
    });
    if let Some(product) = contents.products.first() {
        let document = product.search_document();
        let words = ["shi".to_owned(), "cotton".to_owned()];
        criterion.bench_function("the words of a product", |bench| bench.iter(|| product.search_document()));
        criterion.bench_function("rank a product", |bench| bench.iter(|| document.rank(black_box(&words))));
    }
}

criterion_group!(benches, decisions, pricing);
criterion_main!(benches);
