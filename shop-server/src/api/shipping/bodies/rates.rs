//! Request and response bodies of shipping zones and methods.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;
use shop_core::money::{Amount, Currency};
use shop_core::shipping::{Method, MethodInput, Rate, RateInput, Tier, TierInput, Zone, ZoneInput};
use shop_core::string_enum::StringEnum;
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Convert, Money};

requests! {
    /// A set of countries that are served alike.
    ZoneRequest => ZoneInput {
        name: Required<String>,
        /// ISO 3166-1 alpha-2 codes; `*` means all countries that no zone names.
        countries: Required<Vec<String>>,
    }

    /// Changes to a zone.
    ZoneChange => ZoneInput {
        name: Optional<String>,
        /// Replaces the whole list.
        countries: Optional<Vec<String>>,
    }

    /// A shipping method for one zone.
    MethodRequest => MethodInput {
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
    MethodChange => MethodInput {
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

    /// A shipping rate: a `price` for `flat`, `tiers` for the other types.
    RateRequest => RateInput {
        #[oai(rename = "type")]
        kind: Required<Choice<RateType>>,
        price: Nullable<Money>,
        tiers: Nullable<Vec<TierRequest>>,
    }

    /// A tier of a shipping rate; tiers are listed from low to high.
    TierRequest => TierInput {
        /// Upper limit of the tier, inclusive: grams (a whole number) or a subtotal (a decimal string). Null means no
        /// limit, in the last tier.
        up_to: Nullable<Measure>,
        price: Required<Money>,
    }
}

/// What a shipping rate depends on.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum RateType {
    /// Always the same `price`.
    Flat,
    /// `tiers` by weight in grams.
    ByWeight,
    /// `tiers` by subtotal.
    BySubtotal,
}

impl StringEnum for RateType {
    const ALL: &'static [Self] = &[Self::Flat, Self::ByWeight, Self::BySubtotal];

    fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::ByWeight => "by_weight",
            Self::BySubtotal => "by_subtotal",
        }
    }
}

/// Grams as a whole number, or a subtotal as a decimal string. Accepts any JSON as input; the core validates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(in crate::api) struct Measure(Value);

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

impl Convert<Value> for Measure {
    fn convert(self) -> Value {
        self.0
    }
}

bodies! {
    /// A set of countries that are served alike.
    ZoneBody as "Zone" from(zone: Zone) {
        id: Uuid,
        name: String,
        countries: Vec<String>,
        created_at: DateTime<Utc>,
    }

    /// A shipping rate: a `price` for `flat`, `tiers` for the other types.
    RateBody as "Rate" new(rate: Rate, currency: Currency) with {
        let subtotal = |minor| Value::from(currency.format_amount(Amount(minor)));
        let tiers = |tiers, measure: &dyn Fn(i64) -> Value| Some(TierBody::all(tiers, measure, currency));
        let (kind, price, tiers) = match rate {
            Rate::Flat { price } => (RateType::Flat, Some(Money::new(price, currency)), None),
            Rate::ByWeight { tiers: by_weight } => (RateType::ByWeight, None, tiers(by_weight, &Value::from)),
            Rate::BySubtotal { tiers: by_subtotal } => (RateType::BySubtotal, None, tiers(by_subtotal, &subtotal)),
        };
    } {
        #[oai(rename = "type")]
        #[serde(rename = "type")]
        kind: Choice<RateType> = Choice(kind),
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<Money> = price,
        #[serde(skip_serializing_if = "Option::is_none")]
        tiers: Option<Vec<TierBody>> = tiers,
    }

    /// A tier of a shipping rate.
    TierBody as "Tier" new(tier: Tier, measure: &dyn Fn(i64) -> Value, currency: Currency) {
        /// Grams, or a subtotal; null means no limit.
        up_to: Option<Measure> = tier.up_to.map(|up_to| Measure(measure(up_to))),
        price: Money = Money::new(tier.price, currency),
    }

    /// A shipping method for one zone.
    MethodBody as "ShippingMethod" from(method: Method) with { let currency = method.currency; } {
        id: Uuid,
        name: String,
        zone_id: Uuid,
        carrier: Option<String>,
        currency: String,
        rate: RateBody = RateBody::new(method.rate, currency),
        free_over: Option<Money> = method.free_over.map(|amount| Money::new(amount, currency)),
        min_days: Option<i64>,
        max_days: Option<i64>,
        active: bool,
        created_at: DateTime<Utc>,
    }
}

impl TierBody {
    fn all(tiers: Vec<Tier>, measure: &dyn Fn(i64) -> Value, currency: Currency) -> Vec<Self> {
        tiers.into_iter().map(|tier| Self::new(tier, measure, currency)).collect()
    }
}
