//! The number of statements (round trips) of each operation, so that it cannot grow unnoticed.

use std::sync::Arc;

use serde_json::json;
use shop_core::accounts::{EmailInput, MemoryMailer, RegisterInput, SignInInput, SuperuserInput};
use shop_core::cart::{AddCoupon, AddItem};
use shop_core::id::MethodId;
use shop_core::idempotency::IdempotencyKey;
use shop_core::orders::PlaceOrder;
use shop_core::payments::AmountInput;
use shop_core::secret::Secret;
use shop_core::shipping::{AddressInput, ShipmentInput, TrackingInput};
use shop_core::shop::Tokens;
use shop_core::{Actor, Shop};
use shop_store_sql::PostgresStore;

use super::world::{connect, database, run};

const PASSWORD: &str = "correct horse battery staple";

/// Counts the statements of each step.
struct Counted {
    store: Arc<PostgresStore>,
    found: Vec<(&'static str, u64)>,
}

impl Counted {
    async fn step<T>(&mut self, name: &'static str, step: impl Future<Output = T>) -> T {
        let before = self.store.statements();
        let done = step.await;
        self.found.push((name, self.store.statements() - before));
        done
    }
}

#[test]
fn statements_are_counted() {
    run(async {
        let store = connect(&database()).await;
        let mailer = Arc::new(MemoryMailer::new());
        let shop = Shop::builder(Arc::clone(&store) as _, b"a test's key, which is long enough to be one")
            .mailer(Arc::clone(&mailer) as _)
            .open()
            .await
            .unwrap();
        let system = Actor::system();
        let input = SuperuserInput { email: "sam@example.com".into(), password: Secret::from(PASSWORD).into() };
        shop.accounts().create_superuser(&system, input).await.unwrap();
        let product =
            json!({"name": "Tea", "status": "active", "variants": [{"sku": "TEA", "price": "12.50", "stock": 100}]});
        let product = serde_json::from_value(product).unwrap();
        let mut counted = Counted { store: Arc::clone(&store), found: Vec::new() };
        let tea = counted.step("create a product", shop.catalog().create_product(&system, product)).await.unwrap();
        let tea = tea.product.id;
        let more = json!({"options": ["Size"], "variants": [{"sku": "TEA", "price": "13", "options": {"Size": "S"}},
            {"sku": "TEA-M", "price": "14", "options": {"Size": "M"}}, {"sku": "TEA-L", "price": "15", "options": {"Size": "L"}}]});
        let change = async |change: serde_json::Value| {
            let change = serde_json::from_value(change).unwrap();
            shop.catalog().update_product(&system, tea, change, None).await.unwrap()
        };
        counted.step("change a product, with two more variants", change(more)).await;
        let renamed = json!({"variants": [{"sku": "TEA", "options": {"Size": "M"}}, {"sku": "TEA-M", "options": {"Size": "S"}}, {"sku": "TEA-L"}]});
        let view = counted.step("change it again", change(renamed)).await;
        let id = view.product.variants.iter().find(|variant| variant.sku == "TEA-L").unwrap().id;
        let renamed = json!({"variants": [{"sku": "TEA"}, {"sku": "TEA-M"}, {"id": id, "sku": "TEA-XL"}]});
        counted.step("change a sku", change(renamed)).await;
        let other =
            json!({"name": "Pot", "status": "active", "variants": [{"sku": "POT", "price": "30", "stock": 100}]});
        shop.catalog().create_product(&system, serde_json::from_value(other).unwrap()).await.unwrap();
        let zone = serde_json::from_value(json!({"name": "Home", "countries": ["GB"]})).unwrap();
        let zone = shop.shipping().create_zone(&system, zone).await.unwrap();
        let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "3.50"}});
        let method = serde_json::from_value(method).unwrap();
        let method = shop.shipping().create_method(&system, method).await.unwrap();

        let register = RegisterInput {
            email: "ada@example.com".into(),
            password: Secret::from(PASSWORD).into(),
            first_name: "Ada".into(),
            ..RegisterInput::default()
        };
        counted.step("register", shop.accounts().register(register)).await.unwrap();
        let sign_in = SignInInput {
            email: "sam@example.com".into(),
            password: Secret::from(PASSWORD).into(),
            ..SignInInput::default()
        };
        let anonymous = Actor::anonymous();
        let signed_in = counted.step("sign in", shop.accounts().login(&anonymous, sign_in)).await.unwrap();
        let tokens = Tokens { access: Some(signed_in.tokens.access.expose()), ..Tokens::default() };
        let sam = counted.step("identify", shop.identify(tokens)).await.unwrap();
        counted.step("refresh", async { shop.accounts().refresh(&signed_in.tokens.refresh).await }).await.unwrap();

        let item = |sku: &str| AddItem { sku: sku.into(), ..AddItem::default() };
        counted.step("begin a cart", shop.carts().add_item(&sam, item("TEA"))).await.unwrap();
        counted.step("change a cart", shop.carts().add_item(&sam, item("POT"))).await.unwrap();
        let key = IdempotencyKey::new("order-1", &json!({"order": 1})).unwrap();
        let place = || place(method.id);
        let placed = counted.step("place an order", shop.orders().place(&sam, place(), Some(&key))).await.unwrap();
        counted.step("replay it", shop.orders().place(&sam, place(), Some(&key))).await.unwrap();
        let order = placed.value.view;
        counted.step("view an order", shop.orders().view(&sam, order.order.id)).await.unwrap();
        let payment = order.payments.first().unwrap().id;
        let all = AmountInput::default();
        counted
            .step("capture a payment", async { shop.payments().capture(&sam, payment, all, None).await })
            .await
            .unwrap();
        let shipment = ShipmentInput {
            order_id: order.order.id.into(),
            carrier: "Post".into(),
            tracking_number: "1".into(),
            ..ShipmentInput::default()
        };
        let shipment =
            counted.step("pack a shipment", shop.shipping().create_shipment(&sam, shipment, None)).await.unwrap();
        let shipped = TrackingInput { status: "shipped".into(), ..TrackingInput::default() };
        let shipment = shipment.value.id;
        counted
            .step("ship it", async { shop.shipping().track_shipment(&sam, shipment, shipped, None).await })
            .await
            .unwrap();

        // Part of it is returned.
        let id = order.order.id;
        let back = json!({"items": [{"order_item_id": order.order.items.first().unwrap().id, "quantity": 1}]});
        let back = serde_json::from_value(back).unwrap();
        let back = counted
            .step("request a return", async { shop.orders().request_return(&sam, id, back, None).await })
            .await
            .unwrap();
        let back = back.value.id;
        counted.step("approve it", async { shop.orders().approve_return(&sam, id, back, None).await }).await.unwrap();
        let restock = serde_json::from_value(json!({"restock": true})).unwrap();
        counted
            .step("receive it", async { shop.orders().receive_return(&sam, id, back, restock, None).await })
            .await
            .unwrap();
        counted.step("refund it", async { shop.orders().refund_return(&sam, id, back, None).await }).await.unwrap();
        let part = serde_json::from_value(json!({"amount": "1"})).unwrap();
        counted
            .step("refund a payment", async { shop.payments().refund(&sam, payment, part, None).await })
            .await
            .unwrap();
        let received = serde_json::from_value(json!({"sku": "TEA", "delta": 1, "reason": "received"})).unwrap();
        counted.step("adjust stock", async { shop.inventory().adjust(&sam, received, None).await }).await.unwrap();

        // Staff order for a customer.
        let draft = json!({"email": "ada@example.com", "items": [{"sku": "TEA"}, {"sku": "POT"}]});
        let draft = serde_json::from_value(draft).unwrap();
        let draft = counted.step("draft an order", shop.orders().create_draft(&sam, draft)).await.unwrap();
        let draft = draft.draft.id;
        counted.step("place it", async { shop.orders().place_draft(&sam, draft, place(), None).await }).await.unwrap();

        // A guest: no session.
        let cart = shop.carts().create(&anonymous).await.unwrap();
        let guest = shop.identify(Tokens { cart: cart.token.as_ref().map(Secret::expose), ..Tokens::default() });
        let guest = guest.await.unwrap();
        shop.carts().add_item(&guest, item("TEA")).await.unwrap();
        counted.step("change a guest's cart", shop.carts().add_item(&guest, item("POT"))).await.unwrap();
        let with_mail = PlaceOrder { email: "guest@example.com".into(), ..place() };
        counted.step("place a guest's order", shop.orders().place(&guest, with_mail, None)).await.unwrap();

        // Promotions and taxes take no additional statement.
        let promotion = |code: &str| json!({"name": "Ten", "kind": "percent", "value": "10", "code": code});
        for input in [promotion("TEN"), json!({"name": "All", "kind": "fixed", "value": "1", "usage_limit": 9})] {
            shop.catalog().create_promotion(&system, serde_json::from_value(input).unwrap()).await.unwrap();
        }
        let rate = json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true});
        shop.catalog().create_tax_rate(&system, serde_json::from_value(rate).unwrap()).await.unwrap();
        shop.carts().add_item(&sam, item("TEA")).await.unwrap();
        let coupon = AddCoupon { code: "ten".into() };
        counted.step("add a coupon", shop.carts().add_coupon(&sam, coupon, None)).await.unwrap();
        counted.step("view a cart", shop.carts().get(&sam)).await.unwrap();
        let key = IdempotencyKey::new("order-2", &json!({"order": 2})).unwrap();
        let placed = counted.step("place an order with a coupon and a tax", async {
            shop.orders().place(&sam, place(), Some(&key)).await
        });
        let order = placed.await.unwrap().value.view.order;
        assert_eq!((order.explanation.promotions.len(), order.explanation.taxes.len()), (2, 1));
        counted.step("cancel it", shop.orders().cancel(&sam, order.id, None)).await.unwrap();

        // A commit takes 3 or 4 statements (BEGIN, locks, writes, COMMIT), however many rows it writes, and 2 more if
        // product lists change. Those noted below apply their writes row by row. The other statements are reads.
        let wanted = [
            ("create a product", 9),
            // One of them reads the variant's previous prices.
            ("change a product, with two more variants", 12),
            ("change it again", 9),
            // Row by row, because the stock levels contain the sku too.
            ("change a sku", 26),
            ("register", 7),
            ("sign in", 5),
            ("identify", 1),
            ("refresh", 5),
            ("begin a cart", 9),
            ("change a cart", 9),
            ("place an order", 11),
            ("replay it", 1),
            ("view an order", 3),
            ("capture a payment", 9),
            ("pack a shipment", 8),
            ("ship it", 10),
            ("request a return", 10),
            ("approve it", 9),
            ("receive it", 10),
            ("refund it", 9),
            ("refund a payment", 9),
            ("adjust stock", 7),
            ("draft an order", 8),
            ("place it", 9),
            ("change a guest's cart", 8),
            ("place a guest's order", 9),
            ("add a coupon", 8),
            ("view a cart", 4),
            ("place an order with a coupon and a tax", 11),
            ("cancel it", 8),
        ];
        assert_eq!(counted.found, wanted);
        assert_eq!(shop.check().await.unwrap().len(), 0);
    });
}

/// The response time must not reveal whether an address has an account.
#[test]
fn a_known_and_an_unknown_address_take_the_same_statements() {
    run(async {
        let store = connect(&database()).await;
        let shop = Shop::builder(Arc::clone(&store) as _, b"a test's key, which is long enough to be one");
        let shop = shop.mailer(Arc::new(MemoryMailer::new()) as _).open().await.unwrap();
        let register = |email: &str| RegisterInput {
            email: email.into(),
            password: Secret::from(PASSWORD).into(),
            ..RegisterInput::default()
        };
        let login = |email: &str| SignInInput {
            email: email.into(),
            password: Secret::from("not the password, whoever it is").into(),
            ..SignInInput::default()
        };
        let email = |email: &str| EmailInput { email: email.into() };
        let input = SuperuserInput { email: "sam@example.com".into(), password: Secret::from(PASSWORD).into() };
        shop.accounts().create_superuser(&Actor::system(), input).await.unwrap();
        shop.accounts().register(register("new@example.com")).await.unwrap();
        let mut found = Vec::new();
        // A confirmed account, an unconfirmed one, and none.
        for address in ["sam@example.com", "new@example.com", "nobody@example.com"] {
            let mut counted = Counted { store: Arc::clone(&store), found: Vec::new() };
            let accounts = shop.accounts();
            let _ = counted.step("sign in", accounts.login(&Actor::anonymous(), login(address))).await;
            counted.step("ask for a code", accounts.resend_otp(email(address))).await.unwrap();
            counted.step("ask for a link", accounts.request_password_reset(email(address))).await.unwrap();
            counted.step("register", accounts.register(register(address))).await.unwrap();
            found.push(counted.found);
        }
        assert_eq!((&found[0], &found[1]), (&found[2], &found[2]));
    });
}

pub(crate) fn place(method: MethodId) -> PlaceOrder {
    PlaceOrder {
        shipping_address: AddressInput {
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            line1: "12 St James's Square".into(),
            city: "London".into(),
            postal_code: "SW1Y 4JH".into(),
            country: "GB".into(),
            ..AddressInput::default()
        }
        .into(),
        shipping_method_id: method.into(),
        payment_gateway: "manual".into(),
        ..PlaceOrder::default()
    }
}
