//! Conversions between the values of the API and those of the core.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use poem_openapi::types::Any;
use serde_json::{Map, Value};
use shop_core::id::{
    AddressId, CartId, CartItemId, CategoryId, DeliveryId, DraftId, LocationId, MethodId, MovementId, OrderId,
    OrderItemId, PaymentId, ProductId, PromotionId, RefundId, ReservationId, ReturnId, ShipmentId, TaxRateId, UserId,
    VariantId, WebhookId, WithdrawalId, ZoneId,
};
use shop_core::money::Currency;
use shop_core::pricing::Ratio;
use uuid::Uuid;

use super::Money;

/// Converts a value of the API to one of the core or back, also inside lists and [`Option`], where [`From`] does not
/// reach.
pub trait Convert<T> {
    /// Converts the value.
    fn convert(self) -> T;
}

impl<T: Convert<U>, U> Convert<Option<U>> for Option<T> {
    fn convert(self) -> Option<U> {
        self.map(T::convert)
    }
}

impl<T: Convert<U>, U> Convert<Vec<U>> for Vec<T> {
    fn convert(self) -> Vec<U> {
        self.into_iter().map(T::convert).collect()
    }
}

impl<T: Convert<U>, U> Convert<Vec<U>> for BTreeSet<T> {
    fn convert(self) -> Vec<U> {
        self.into_iter().map(T::convert).collect()
    }
}

impl<U: From<String>> Convert<U> for String {
    fn convert(self) -> U {
        self.into()
    }
}

impl<U: From<Uuid>> Convert<U> for Uuid {
    fn convert(self) -> U {
        self.into()
    }
}

macro_rules! same {
    ($($type:ty),+ $(,)?) => {
        $(impl Convert<$type> for $type {
            fn convert(self) -> $type {
                self
            }
        })+
    };
}

same!(bool, i64, DateTime<Utc>, BTreeMap<String, String>);

macro_rules! ids {
    ($($id:ident),+ $(,)?) => {
        $(impl Convert<Uuid> for $id {
            fn convert(self) -> Uuid {
                self.0
            }
        })+
    };
}

ids!(
    AddressId,
    CartId,
    CartItemId,
    CategoryId,
    DeliveryId,
    DraftId,
    LocationId,
    MethodId,
    MovementId,
    OrderId,
    OrderItemId,
    PaymentId,
    ProductId,
    PromotionId,
    RefundId,
    ReservationId,
    ReturnId,
    ShipmentId,
    TaxRateId,
    UserId,
    VariantId,
    WebhookId,
    WithdrawalId,
    ZoneId,
);

/// The core parses amounts with the decimals of their currency.
impl Convert<String> for Money {
    fn convert(self) -> String {
        self.0
    }
}

impl Convert<Money> for Ratio {
    fn convert(self) -> Money {
        Money(self.to_string())
    }
}

impl Convert<String> for Currency {
    fn convert(self) -> String {
        self.code().to_owned()
    }
}

impl Convert<Value> for BTreeMap<String, Any<Value>> {
    fn convert(self) -> Value {
        Value::Object(self.into_iter().map(|(name, value)| (name, value.0)).collect())
    }
}

impl Convert<BTreeMap<String, Any<Value>>> for Map<String, Value> {
    fn convert(self) -> BTreeMap<String, Any<Value>> {
        self.into_iter().map(|(name, value)| (name, Any(value))).collect()
    }
}
