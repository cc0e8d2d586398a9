//! Request and response bodies of shipping zones and methods.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use shop_core::money::Currency;
use shop_core::shipping::{Method, MethodInput, Rate, RateInput, Tier, TierInput, Zone, ZoneInput};
use uuid::Uuid;

use crate::field::{Money, Nullable, Optional, Required};

/// A set of countries that are served alike.
#[derive(Debug, Object)]
pub(crate) struct ZoneRequest {
    name: Required<String>,
    /// ISO 3166-1 alpha-2 codes; `*` means all countries that no zone names.
    countries: Required<Vec<String>>,
}

/// Changes to a zone.
#[derive(Debug, Object)]
pub(crate) struct ZoneChange {
    name: Optional<String>,
    /// Replaces the whole list.
    countries: Optional<Vec<String>>,
}

impl From<ZoneRequest> for ZoneInput {
    fn from(request: ZoneRequest) -> Self {
        Self { name: request.name.into(), countries: request.countries.into() }
    }
}

impl From<ZoneChange> for ZoneInput {
    fn from(request: ZoneChange) -> Self {
        Self { name: request.name.into(), countries: request.countries.into() }
    }
}

/// A set of countries that are served alike.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Zone")]
pub(crate) struct ZoneBody {
    id: Uuid,
    name: String,
    countries: Vec<String>,
    created_at: DateTime<Utc>,
}

impl From<Zone> for ZoneBody {
    fn from(zone: Zone) -> Self {
        Self { id: zone.id.0, name: zone.name, countries: zone.countries, created_at: zone.created_at }
    }
}

/// A shipping method for one zone.
#[derive(Debug, Object)]
pub(crate) struct MethodRequest {
    name: Required<String>,
    zone_id: Required<Uuid>,
    carrier: Nullable<String>,
    rate: Required<RateRequest>,
    /// The subtotal from which shipping is free.
    free_over: Nullable<Money>,
    /// Currency of all amounts (ISO 4217). If given, it must be the currency of the shop.
    currency: Nullable<String>,
    min_days: Nullable<i64>,
    max_days: Nullable<i64>,
    /// Whether it is offered to buyers. Defaults to true.
    active: Optional<bool>,
}

/// Changes to a shipping method.
#[derive(Debug, Object)]
pub(crate) struct MethodChange {
    name: Optional<String>,
    zone_id: Optional<Uuid>,
    carrier: Nullable<String>,
    /// Replaces the whole rate.
    rate: Optional<RateRequest>,
    /// The subtotal from which shipping is free.
    free_over: Nullable<Money>,
    /// Currency of all amounts (ISO 4217). If given, it must be the currency of the method.
    currency: Nullable<String>,
    min_days: Nullable<i64>,
    max_days: Nullable<i64>,
    active: Optional<bool>,
}

macro_rules! method_input {
    ($($request:ident),+) => {$(
        impl From<$request> for MethodInput {
            fn from(request: $request) -> Self {
                Self {
                    name: request.name.into(),
                    zone_id: request.zone_id.into_field(),
                    carrier: request.carrier.into(),
                    rate: request.rate.into_field(),
                    free_over: request.free_over.into_field(),
                    currency: request.currency.into(),
                    min_days: request.min_days.into(),
                    max_days: request.max_days.into(),
                    active: request.active.into(),
                }
            }
        }
    )+};
}

method_input!(MethodRequest, MethodChange);

/// What a shipping rate depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum RateType {
    /// Always the same `price`.
    Flat,
    /// `tiers` by weight in grams.
    ByWeight,
    /// `tiers` by subtotal.
    BySubtotal,
}

/// A shipping rate: a `price` for `flat`, `tiers` for the other types.
#[derive(Debug, Object)]
pub(crate) struct RateRequest {
    #[oai(rename = "type")]
    kind: Required<RateType>,
    price: Nullable<Money>,
    tiers: Nullable<Vec<TierRequest>>,
}

impl From<RateRequest> for RateInput {
    fn from(request: RateRequest) -> Self {
        let word = |kind| match kind {
            RateType::Flat => "flat".to_owned(),
            RateType::ByWeight => "by_weight".to_owned(),
            RateType::BySubtotal => "by_subtotal".to_owned(),
        };
        Self { kind: request.kind.0.map(word), price: request.price.into_field(), tiers: request.tiers.into_list() }
    }
}

/// A tier of a shipping rate; tiers are listed from low to high.
#[derive(Debug, Object)]
pub(crate) struct TierRequest {
    /// Upper limit of the tier, inclusive: grams (a whole number) or a subtotal (a decimal string). Null means no
    /// limit, in the last tier.
    up_to: Nullable<Measure>,
    price: Required<Money>,
}

impl From<TierRequest> for TierInput {
    fn from(request: TierRequest) -> Self {
        Self { up_to: request.up_to.0.map(|measure| measure.0), price: request.price.into_field() }
    }
}

/// Grams as a whole number, or a subtotal as a decimal string. Accepts any JSON as input; the core validates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Measure(Value);

impl Type for Measure {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "measure".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let inline = |schema: MetaSchema| MetaSchemaRef::Inline(Box::new(schema));
        let grams = inline(MetaSchema::new_with_format("integer", "int64"));
        inline(MetaSchema { any_of: vec![grams, Money::schema_ref()], ..MetaSchema::ANY })
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Measure {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for Measure {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// A shipping rate: a `price` for `flat`, `tiers` for the other types.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Rate")]
pub(crate) struct RateBody {
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: RateType,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<TierBody>>,
}

impl RateBody {
    fn new(rate: Rate, currency: Currency) -> Self {
        let steps = |tiers: Vec<Tier>, measure: &dyn Fn(i64) -> Value| {
            let step = |tier: Tier| TierBody {
                up_to: tier.up_to.map(|up_to| Measure(measure(up_to))),
                price: Money::new(tier.price, currency),
            };
            Some(tiers.into_iter().map(step).collect())
        };
        match rate {
            Rate::Flat { price } => {
                Self { kind: RateType::Flat, price: Some(Money::new(price, currency)), tiers: None }
            }
            Rate::ByWeight { tiers } => {
                Self { kind: RateType::ByWeight, price: None, tiers: steps(tiers, &Value::from) }
            }
            Rate::BySubtotal { tiers } => {
                let subtotal = |minor| Value::from(currency.format_amount(shop_core::money::Amount(minor)));
                Self { kind: RateType::BySubtotal, price: None, tiers: steps(tiers, &subtotal) }
            }
        }
    }
}

/// A tier of a shipping rate.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Tier")]
pub(crate) struct TierBody {
    /// Grams, or a subtotal; null means no limit.
    up_to: Option<Measure>,
    price: Money,
}

/// A shipping method for one zone.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ShippingMethod")]
pub(crate) struct MethodBody {
    id: Uuid,
    name: String,
    zone_id: Uuid,
    carrier: Option<String>,
    currency: String,
    rate: RateBody,
    free_over: Option<Money>,
    min_days: Option<i64>,
    max_days: Option<i64>,
    active: bool,
    created_at: DateTime<Utc>,
}

impl From<Method> for MethodBody {
    fn from(method: Method) -> Self {
        let currency = method.currency;
        Self {
            id: method.id.0,
            name: method.name,
            zone_id: method.zone_id.0,
            carrier: method.carrier,
            currency: currency.code().to_owned(),
            rate: RateBody::new(method.rate, currency),
            free_over: method.free_over.map(|amount| Money::new(amount, currency)),
            min_days: method.min_days,
            max_days: method.max_days,
            active: method.active,
            created_at: method.created_at,
        }
    }
}
