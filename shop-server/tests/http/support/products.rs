//! Products to sell, and a method to ship them.

use serde_json::{Value, json};
use shop_core::Actor;

use super::{TestResponse, TestShop};

/// A product with one variant.
#[derive(Debug, Clone)]
pub(crate) struct TestProduct {
    pub(crate) product_id: String,
    pub(crate) variant_id: String,
    pub(crate) sku: String,
}

impl TestShop {
    /// An active product with one variant and this stock.
    pub(crate) async fn product(&self, sku: &str, price: &str, stock: i64) -> TestProduct {
        let input = json!({"name": format!("Thing {sku}"), "sku": sku, "price": price, "stock": stock,
            "weight_grams": 100});
        let input = serde_json::from_value(input).unwrap();
        let product = self.shop.catalog().create_product(&Actor::system(), input).await.unwrap().product;
        TestProduct {
            product_id: product.id.to_string(),
            variant_id: product.variants[0].id.to_string(),
            sku: product.variants[0].sku.clone(),
        }
    }

    /// A shipping method with a flat price to these countries; returns its id.
    pub(crate) async fn shipping_method(&self, countries: &[&str], price: &str) -> String {
        let (shipping, staff) = (self.shop.shipping(), Actor::system());
        let zone = serde_json::from_value(json!({"name": "Zone", "countries": countries})).unwrap();
        let zone = shipping.create_zone(&staff, zone).await.unwrap();
        let method = json!({"name": "Post", "zone_id": zone.id, "carrier": "Royal Mail",
            "rate": {"type": "flat", "price": price}});
        let method = serde_json::from_value(method).unwrap();
        shipping.create_method(&staff, method).await.unwrap().id.to_string()
    }

    /// A guest's new cart with one item; returns its token.
    pub(crate) async fn guest_cart(&self, goods: &TestProduct, quantity: i64) -> String {
        let body = json!({"sku": goods.sku, "quantity": quantity});
        let answer = self.post("/cart/items/", None, &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Sends a request as the holder of a cart.
    pub(crate) async fn as_guest(&self, method: &str, path: &str, token: &str, body: &Value) -> TestResponse {
        self.call_with(method, path, &[("X-Cart-Token", token)], body).await
    }
}

/// The body of an order to London by this method, with manual payment.
pub(crate) fn order(method: &str) -> Value {
    json!({
        "shipping_address": {"first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square",
            "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"},
        "shipping_method_id": method, "payment_gateway": "manual", "email": "ada@example.com",
    })
}
