//! The sample shop in `shop.json`. Amounts are in hundredths of a major unit, so that they fit any currency.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use shop_core::Error;
use shop_core::money::{Amount, Currency};
use shop_core::promotions::PromotionInput;
use shop_core::taxes::TaxRateInput;

/// The whole sample shop.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) categories: Vec<Branch>,
    pub(super) products: Vec<Item>,
    pub(super) zones: Vec<SampleZone>,
    pub(super) promotions: Vec<PromotionInput>,
    pub(super) tax_rates: Vec<TaxRateInput>,
}

/// A category and its children.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) children: Vec<String>,
}

/// A product; every combination of its options is a variant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) name: String,
    /// The name of its category.
    pub(super) category: String,
    pub(super) description: String,
    pub(super) price: i64,
    pub(super) compare_at: Option<i64>,
    /// The prices by value of its only option, where they differ.
    #[serde(default)]
    pub(super) prices: Vec<i64>,
    pub(super) weight: i64,
    /// The stock of each variant.
    #[serde(default)]
    pub(super) stock: i64,
    #[serde(default)]
    pub(super) options: BTreeMap<String, Vec<String>>,
    pub(super) attributes: Value,
    #[serde(default)]
    pub(super) untracked: bool,
    #[serde(default)]
    pub(super) backorder: bool,
}

/// A shipping zone and its methods.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleZone {
    pub(super) name: String,
    pub(super) countries: Vec<String>,
    pub(super) methods: Vec<SampleMethod>,
}

/// A shipping method.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SampleMethod {
    pub(super) name: String,
    pub(super) carrier: String,
    /// The minimum and maximum.
    pub(super) days: (i64, i64),
    pub(super) rate: String,
    pub(super) price: Option<i64>,
    /// Pairs of a maximum weight in grams and its price.
    #[serde(default)]
    pub(super) tiers: Vec<(i64, i64)>,
    pub(super) free_over: Option<i64>,
}

impl Sample {
    /// Parses the built-in sample shop.
    pub(super) fn read() -> Result<Self, Error> {
        serde_json::from_str(include_str!("shop.json")).map_err(|why| Error::Fault(why.into()))
    }
}

impl Item {
    /// All combinations of the options' values, the first option changing slowest; one empty combination without
    /// options.
    pub(super) fn combinations(&self) -> Vec<BTreeMap<String, String>> {
        let mut all = vec![BTreeMap::new()];
        for (option, values) in &self.options {
            let with = |so_far: &BTreeMap<String, String>, value: &String| {
                let mut longer = so_far.clone();
                longer.insert(option.clone(), value.clone());
                longer
            };
            all = all.iter().flat_map(|so_far| values.iter().map(move |value| with(so_far, value))).collect();
        }
        all
    }

    /// The product's slug, from its name.
    pub(super) fn slug(&self) -> String {
        shop_core::validate::slugify(&self.name, "product")
    }

    /// A readable sku: the first three letters of each word and each value.
    pub(super) fn sku(&self, values: &BTreeMap<String, String>) -> String {
        let texts = std::iter::once(&self.name).chain(values.values());
        let words = texts.flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()));
        let short = words.filter(|word| !word.is_empty()).map(|word| word.chars().take(3).collect::<String>());
        short.collect::<Vec<_>>().join("-").to_ascii_uppercase()
    }
}

/// Formats hundredths as a decimal string of a currency: cents stay cents, and become whole yen or tens of fils.
pub(super) fn price(hundredths: i64, currency: Currency) -> String {
    let minor = match currency.decimals() {
        0 | 2 => hundredths,
        1 => hundredths / 10,
        decimals => hundredths.saturating_mul(10_i64.saturating_pow(decimals.saturating_sub(2))),
    };
    currency.format_amount(Amount(minor))
}
