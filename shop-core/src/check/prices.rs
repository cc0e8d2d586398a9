//! The current price of each variant is the last entry of its price history.

use std::collections::HashMap;

use super::ATTEMPTS;
use super::pages::Pages;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::VariantId;
use crate::model::catalog::{PricePeriod, Product, ProductFilter, ProductSort, Variant};
use crate::money::{Amount, Currency};
use crate::shop::Shop;

impl Shop {
    pub(super) async fn check_prices(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut pages = Pages::<ProductSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_products(&ProductFilter::default(), &request).await?;
            pages.turn(page.next);
            let mut found = self.price_problems(&page.items).await?;
            for _ in 1..ATTEMPTS {
                if found.is_empty() {
                    break;
                }
                let ids: Vec<_> = page.items.iter().map(|product| product.id).collect();
                found = self.price_problems(&self.store().products(&ids).await?).await?;
            }
            problems.extend(found);
        }
        Ok(problems)
    }

    /// The differences between the prices of these products and their histories, at one read.
    async fn price_problems(&self, products: &[Product]) -> Result<Vec<String>> {
        let variants = products.iter().flat_map(|product| &product.variants);
        let variants: Vec<_> = variants.map(|variant| variant.id).collect();
        let mut history: HashMap<VariantId, Vec<PricePeriod>> = HashMap::new();
        for period in self.store().price_history(&variants, Some(Timestamp::UNIX_EPOCH)).await? {
            history.entry(period.variant_id).or_default().push(period);
        }
        Ok(products.iter().flat_map(|product| product_problems(product, &history)).collect())
    }
}

fn shown(price: Option<Amount>, currency: Currency) -> String {
    match price {
        Some(price) => format!("{} {currency}", currency.format_amount(price)),
        None => "no price".to_owned(),
    }
}

fn product_problems(product: &Product, history: &HashMap<VariantId, Vec<PricePeriod>>) -> Vec<String> {
    let problem = |variant: &Variant| {
        let offered = product.offered_price(variant);
        // Earlier releases recorded no prices: the history of an old variant may only begin with its next change.
        let periods = history.get(&variant.id)?;
        let open: Vec<_> = periods.iter().filter(|period| period.ends_at.is_none()).collect();
        match open.as_slice() {
            [period] if period.price == offered && (offered.is_none() || period.currency == product.currency) => None,
            [period] => Some(format!(
                "{}: it is offered for {}, the history of its prices ends with {}.",
                variant.sku,
                shown(offered, product.currency),
                shown(period.price, period.currency)
            )),
            open => Some(format!("{}: its history has {} present prices.", variant.sku, open.len())),
        }
    };
    product.variants.iter().filter_map(problem).collect()
}
