//! A shop with one of everything, and the document's operations with real ids in their paths.

use serde_json::{Map, Value, json};

use crate::support::{Client, TestResponse, TestShop, address, order as order_of, text};

/// One operation of the document.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: String,
    /// The path in the document.
    pub(super) template: String,
    /// The path with existing ids.
    pub(super) path: String,
    /// The fields of the body by name, with their schemas; `None` if it takes no body.
    pub(super) fields: Option<Map<String, Value>>,
    /// The query parameters by name, with their schemas.
    pub(super) query: Map<String, Value>,
}

/// The shop, and its document.
pub(super) struct World {
    pub(super) shop: TestShop,
    pub(super) document: Value,
    pub(super) operations: Vec<Operation>,
    /// Ids of every kind.
    pub(super) ids: Vec<String>,
    authorization: String,
}

impl World {
    /// A shop in which staff have done everything once.
    pub(super) fn open() -> Self {
        let shop = TestShop::open();
        let goods = shop.product("SHIRT", 100_000);
        let second = shop.product("MUG", 100_000);
        let (zone, method) = shop.shipping();
        let id = |value: &Value| text(&value["id"]);
        let category = id(&shop.staff("POST", "/catalog/categories/", &json!({"name": "Clothes"}), 201));
        let location = id(&shop.staff("POST", "/inventory/locations/", &json!({"name": "Attic"}), 201));
        let saved = id(&shop.staff("POST", "/shipping/addresses/", &address(), 201));
        let email = "victim@example.com";
        let victim = shop.customer(email);
        let victim = id(&shop.call("GET", "/accounts/user/", Some(&victim), &Value::Null).expect(200));
        shop.call("POST", "/accounts/request-reset-email/", None, &json!({"email": email})).expect(200);
        let link = shop.link(email, "/reset-password/");
        shop.staff("POST", "/cart/items/", &json!({"sku": "SHIRT", "quantity": 3}), 201);
        let placed = shop.staff("POST", "/orders/", &order_of(&method), 201);
        let (order, payment) = (id(&placed), id(&placed["payments"][0]));
        let shipment_body = json!({"order_id": order, "tracking_number": "TRACK-1",
            "items": [{"order_item_id": placed["items"][0]["id"], "quantity": 1}]});
        let shipment = id(&shop.staff("POST", "/shipping/shipments/", &shipment_body, 201));
        shop.staff("POST", "/cart/items/", &json!({"sku": "SHIRT", "quantity": 3}), 201);
        let sent = shop.staff("POST", "/orders/", &order_of(&method), 201);
        let sent_shipment = id(&shop.staff("POST", "/shipping/shipments/", &json!({"order_id": sent["id"]}), 201));
        let news = format!("/shipping/shipments/{sent_shipment}/events/");
        shop.staff("POST", &news, &json!({"status": "shipped"}), 201);
        let items = json!([{"order_item_id": sent["items"][0]["id"], "quantity": 1}]);
        let returns = format!("/orders/{}/returns/", id(&sent));
        let returned = id(&shop.staff("POST", &returns, &json!({"items": items}), 201));
        let of_order = format!("{}/returns/{returned}", id(&sent));
        let draft = json!({"email": "grace@example.com", "items": [{"sku": "SHIRT"}]});
        let draft = id(&shop.staff("POST", "/orders/drafts/", &draft, 201));
        let cart = shop.staff("POST", "/cart/items/", &json!({"sku": "MUG"}), 201);
        let item = id(&cart["items"][0]);
        let coupon = json!({"name": "Ten", "code": "TEN", "kind": "percent", "value": "10"});
        let promotion = id(&shop.staff("POST", "/catalog/promotions/", &coupon, 201));
        shop.staff("POST", "/cart/coupons/", &json!({"code": "TEN"}), 200);
        let rate = json!({"name": "Tax", "country": "GB", "rate": "0.2"});
        let rate = id(&shop.staff("POST", "/catalog/tax-rates/", &rate, 201));
        // No receiver exists there.
        let hook = json!({"url": "https://nobody.invalid/", "events": ["product.*"]});
        let webhook = id(&shop.staff("POST", "/webhooks/", &hook, 201));
        shop.product("HAT", 1);
        let deliveries = format!("/webhooks/{webhook}/deliveries/");
        let delivery = loop {
            // The worker creates the delivery.
            let found = shop.staff("GET", &deliveries, &Value::Null, 200);
            if let Some(delivery) = found["results"].as_array().and_then(|found| found.first()) {
                break id(delivery);
            }
        };
        let of_webhook = format!("{webhook}/deliveries/{delivery}");
        let document = shop.client().ask("GET", "/openapi.json", &[], &Value::Null).expect(200);

        let things = [
            ("/accounts/users/{id}/", &victim),
            ("/cart/items/{id}/", &item),
            ("/catalog/categories/{id}/", &category),
            ("/catalog/products/{id}/", &goods.product_id),
            ("/catalog/promotions/{id}/", &promotion),
            ("/catalog/tax-rates/{id}/", &rate),
            ("/inventory/locations/{id}/", &location),
            ("/inventory/stock/{variant_id}/", &goods.variant_id),
            ("/orders/{id}/returns/{return_id}/", &of_order),
            ("/orders/drafts/{id}/", &draft),
            ("/orders/{id}/", &order),
            ("/payments/{id}/", &payment),
            ("/shipping/addresses/{id}/", &saved),
            ("/shipping/methods/{id}/", &method),
            ("/shipping/shipments/{id}/", &shipment),
            ("/shipping/zones/{id}/", &zone),
            ("/webhooks/{id}/deliveries/{delivery_id}/", &of_webhook),
            ("/webhooks/{id}/", &webhook),
        ];
        let path = |template: &str| {
            let whole = match template {
                "/accounts/password-reset-confirm/{uidb64}/{token}/" => {
                    format!("/accounts/password-reset-confirm/{link}/")
                }
                "/cart/coupons/{code}/" => "/cart/coupons/TEN/".to_owned(),
                "/payments/webhooks/{gateway}/" => "/payments/webhooks/manual/".to_owned(),
                "/shipping/track/{tracking_number}/" => "/shipping/track/TRACK-1/".to_owned(),
                _ => {
                    let thing = things.iter().find(|(beginning, _)| template.starts_with(beginning));
                    thing.map_or_else(
                        || template.to_owned(),
                        |(beginning, id)| {
                            let (folder, _) = beginning.split_once('{').unwrap();
                            format!("{folder}{id}/{}", &template[beginning.len()..])
                        },
                    )
                }
            };
            assert!(!whole.contains('{'), "{template} is new: give it something real here");
            whole
        };
        let operations = operations(&document, path);
        let mut ids: Vec<_> = things.iter().map(|(_, id)| (*id).clone()).filter(|id| !id.contains('/')).collect();
        ids.extend([second.product_id, second.variant_id, id(&sent), returned]);
        let authorization = format!("Bearer {}", shop.staff);
        Self { shop, document, operations, ids, authorization }
    }

    /// The operations that take a body.
    pub(super) fn writes(&self) -> impl Iterator<Item = (&Operation, &Map<String, Value>)> {
        self.operations.iter().filter_map(|operation| Some((operation, operation.fields.as_ref()?)))
    }

    /// Sends a request as staff with any bytes as body. It must get a response other than a 5xx.
    #[track_caller]
    pub(super) fn send(
        &self,
        client: &mut Client,
        method: &str,
        path: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> TestResponse {
        let mut headers = vec![("Authorization", self.authorization.as_str())];
        headers.extend(media_type.map(|media_type| ("Content-Type", media_type)));
        let answer = client.send(method, path, &headers, body);
        let shown = || String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned();
        let answer = answer.unwrap_or_else(|why| panic!("{method} {path} was not answered: {why}: {}", shown()));
        assert!(answer.status < 500, "{method} {path}: {answer:?}: {}", shown());
        if answer.status >= 400 {
            answer.code();
        }
        answer
    }

    /// Sends a request with a JSON body.
    #[track_caller]
    pub(super) fn json(&self, client: &mut Client, operation: &Operation, body: &str) -> TestResponse {
        self.send(client, &operation.method, &operation.path, Some("application/json"), body.as_bytes())
    }

    /// Resolves a reference in the document.
    pub(super) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let inner = schema["allOf"].get(0).unwrap_or(schema);
        match inner["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => inner,
        }
    }

    /// Checks that the server is healthy, its log clean, and its data sound.
    #[track_caller]
    pub(super) fn is_unharmed(&self) {
        assert_eq!(self.shop.client().ask("GET", "/readyz", &[], &Value::Null).status, 200);
        let (status, log) = self.shop.process.stop();
        assert!(status.success());
        let bad = |line: &&String| line.contains("panic") || line.contains("\"ERROR\"") || line.contains("internal");
        assert_eq!(log.iter().filter(bad).collect::<Vec<_>>(), Vec::<&String>::new());
        self.shop.folder.is_sound();
    }
}

fn operations(document: &Value, path: impl Fn(&str) -> String) -> Vec<Operation> {
    let mut all = Vec::new();
    for (template, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let fields = schema["$ref"].as_str().map(|reference| {
                let schema = document.pointer(&reference[1..]).unwrap();
                schema["properties"].as_object().cloned().unwrap_or_default()
            });
            // A gateway's webhook has its own format.
            let has_form = operation.get("requestBody").is_some() && template != "/payments/webhooks/{gateway}/";
            assert_eq!(fields.is_some(), has_form, "{method} {template}");
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|parameter| parameter["in"] == "query");
            all.push(Operation {
                method: method.to_uppercase(),
                template: template.clone(),
                path: path(template),
                fields,
                query: query.map(|parameter| (text(&parameter["name"]), parameter["schema"].clone())).collect(),
            });
        }
    }
    assert!(all.len() > 50, "the document was not understood");
    all
}
