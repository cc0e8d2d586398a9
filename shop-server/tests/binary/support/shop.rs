//! A small shop on a file: staff, goods, a shipping method, and customers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Client, Folder, Process, TestResponse};

/// A password that is strong enough.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
const STAFF: &str = "staff@example.com";
/// The timeout for a mail. It is written right after the request, but on a busy machine a claim may get lost, and is
/// repeated when its lease of three minutes expires.
const TIMEOUT: Duration = Duration::from_mins(4);

/// A running shop with one staff user.
pub(crate) struct TestShop {
    pub(crate) folder: Folder,
    pub(crate) process: Process,
    /// The access token of the staff user.
    pub(crate) staff: String,
}

/// A product with one variant.
#[derive(Debug, Clone)]
pub(crate) struct TestProduct {
    pub(crate) product_id: String,
    pub(crate) variant_id: String,
    pub(crate) sku: String,
}

impl TestShop {
    pub(crate) fn open() -> Self {
        Self::open_with(&[])
    }

    /// Opens a shop with further variables set. Tokens are valid for a day, and rate limits are off.
    pub(crate) fn open_with(variables: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let usual = [
            ("RATE_LIMIT", "off"),
            ("ACCESS_TOKEN_LIFETIME", "86400"),
            ("EMAIL_BACKEND", "file"),
            ("EMAIL_FILE_PATH", "mails"),
        ];
        folder.configure(&[&usual, variables].concat());
        let made = folder.run(&["createsuperuser", "--email", STAFF, "--noinput"], &[("SUPERUSER_PASSWORD", PASSWORD)]);
        assert!(made.status.success(), "{made:?}");
        let process = Process::start(&folder, &[]);
        let mut shop = Self { folder, process, staff: String::new() };
        shop.staff = shop.login(STAFF);
        shop
    }

    /// Starts a new server in place of the one that has ended.
    pub(crate) fn restart(&mut self) {
        self.process = Process::start(&self.folder, &[]);
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.process.address)
    }

    /// Sends one request, with an access token or anonymously.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, access: Option<&str>, body: &Value) -> TestResponse {
        let bearer = access.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|value| ("Authorization", value.as_str())).collect();
        self.client().ask(method, path, &headers, body)
    }

    /// Sends one request as staff, which must get this status.
    #[track_caller]
    pub(crate) fn staff(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        self.call(method, path, Some(&self.staff), body).expect(status)
    }

    #[track_caller]
    pub(crate) fn login(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        text(&self.call("POST", "/accounts/login/", None, &body).expect(200)["access"])
    }

    /// Registers, verifies and signs in a customer; returns the access token.
    #[track_caller]
    pub(crate) fn customer(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        self.call("POST", "/accounts/register/", None, &body).expect(201);
        let body = json!({"email": email, "otp": self.otp(email)});
        self.call("POST", "/accounts/verify-otp/", None, &body).expect(200);
        self.login(email)
    }

    /// The code in the first mail to an address.
    pub(crate) fn otp(&self, email: &str) -> String {
        let mail = self.mails(email, 1).remove(0);
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        mail.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("no code: {mail}")).to_owned()
    }

    /// The part after `place` of a link in the mails to an address, once there is one.
    pub(crate) fn link(&self, email: &str, place: &str) -> String {
        for count in 1.. {
            let mails = self.mails(email, count);
            if let Some(rest) = mails.iter().find_map(|mail| mail.split(place).nth(1)) {
                let end = rest.find(|letter: char| letter.is_whitespace() || letter == '"').unwrap_or(rest.len());
                return rest[..end].to_owned();
            }
        }
        unreachable!("mails end, and then `mails` gives up")
    }

    /// The text of every mail to an address, oldest first, once there are `count`.
    pub(crate) fn mails(&self, email: &str, count: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let mails = self.mails_now(email);
            if mails.len() >= count {
                return mails;
            }
            assert!(started.elapsed() < TIMEOUT, "{count} mails to {email} were expected: {mails:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn mails_now(&self, email: &str) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.folder.file("mails")) else { return Vec::new() };
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        // The files are named by ids that sort by time.
        files.sort();
        let mails = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        let to = format!("To: {email}\r\n");
        // Quoted-printable: long lines are broken after an equals sign.
        mails.filter(|mail| mail.contains(&to)).map(|mail| mail.replace("=\r\n", "")).collect()
    }

    /// An active product with one variant and this stock.
    #[track_caller]
    pub(crate) fn product(&self, sku: &str, stock: i64) -> TestProduct {
        let body = json!({"name": format!("Thing {sku}"), "sku": sku, "price": "19.99", "stock": stock,
            "weight_grams": 100});
        let product = self.staff("POST", "/catalog/products/", &body, 201);
        TestProduct {
            product_id: text(&product["id"]),
            variant_id: text(&product["variants"][0]["id"]),
            sku: sku.to_owned(),
        }
    }

    /// Creates a zone and a method with a flat price to Great Britain; returns their ids.
    #[track_caller]
    pub(crate) fn shipping(&self) -> (String, String) {
        let zone = self.staff("POST", "/shipping/zones/", &json!({"name": "Home", "countries": ["GB"]}), 201);
        let method = json!({"name": "Post", "zone_id": zone["id"], "rate": {"type": "flat", "price": "4.50"}});
        let method = self.staff("POST", "/shipping/methods/", &method, 201);
        (text(&zone["id"]), text(&method["id"]))
    }

    /// A guest's new cart with one item; returns its token.
    #[track_caller]
    pub(crate) fn guest_cart(&self, sku: &str, quantity: i64) -> String {
        let item = json!({"sku": sku, "quantity": quantity});
        text(&self.call("POST", "/cart/items/", None, &item).expect(201)["token"])
    }

    /// The number of orders.
    pub(crate) fn orders(&self) -> u64 {
        self.staff("GET", "/orders/?page_size=1", &Value::Null, 200)["count"].as_u64().unwrap()
    }

    /// `on_hand`, `reserved` and `available` of a variant over all locations.
    pub(crate) fn stock(&self, goods: &TestProduct) -> [i64; 3] {
        let path = format!("/inventory/stock/{}/", goods.variant_id);
        let stock = self.staff("GET", &path, &Value::Null, 200);
        ["on_hand", "reserved", "available"].map(|name| stock[name].as_i64().unwrap())
    }
}

/// The body of an order to London by this method, with manual payment.
pub(crate) fn order(method: &str) -> Value {
    json!({
        "shipping_address": address(), "shipping_method_id": method, "payment_gateway": "manual",
        "email": "ada@example.com",
    })
}

pub(crate) fn address() -> Value {
    json!({"first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square", "city": "London",
        "postal_code": "SW1Y 4JH", "country": "GB"})
}

#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
