//! The read that prices are computed from.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, ReadRows};
use super::state::State;
use crate::model::pricing::{CountedOffer, Customer, PriceRules, RulesQuery};
use crate::model::promotions::{Counter, Promotion};
use crate::store::{PricingRepository, StoreResult};

impl<T: ReadRows> State<'_, T> {
    fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules> {
        let account = query.customer.as_ref().filter(|customer| customer.is_account()).map(Customer::key);
        let wanted = |promotion: &Promotion| match &promotion.code_key {
            None => promotion.active,
            Some(key) => query.code_keys.contains(key),
        };
        let mut promotions = Vec::new();
        for promotion in self.promotions.select(wanted)? {
            let mut offered = CountedOffer {
                uses: self.count(&Counter::Promotion(promotion.id))?,
                customer_uses: 0,
                categories: BTreeSet::new(),
                promotion,
            };
            if let Some(account) = &account {
                offered.customer_uses = self.count(&Counter::Customer(offered.promotion.id, account.clone()))?;
            }
            for id in &offered.promotion.category_ids {
                if self.categories.contains(&id.0)? {
                    offered.categories.extend(self.branch(*id)?);
                }
            }
            promotions.push(offered);
        }
        let customer_orders = account.map(|account| self.count(&Counter::Orders(account))).transpose()?;
        let unpaid_orders =
            query.customer.as_ref().map(|buyer| self.count(&Counter::Unpaid(buyer.key()))).transpose()?;
        let tax_rates = match query.tax_countries.as_slice() {
            [] => Vec::new(),
            countries => self.tax_rates.select(|rate| countries.contains(&rate.country))?,
        };
        Ok(PriceRules { promotions, customer_orders, unpaid_orders: unpaid_orders.unwrap_or_default(), tax_rates })
    }
}

#[async_trait]
impl<E: Engine> PricingRepository for TableStore<E> {
    async fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules> {
        self.read(|state| state.price_rules(query))
    }
}
