//! Promotions, their use counters, and tax rates. (Their reads are in `catalog.rs`.)

use super::engine::{ReadRows, WriteRows, json_key};
use super::state::{Judged, State, UniqueKey, VersionedRow};
use crate::batch::Conflict;
use crate::model::catalog::{
    CountedOffer, CountedPromotion, Counter, Customer, PriceRules, Promotion, RulesQuery, TaxRate, UsesDelta,
};
use crate::store::StoreResult;

json_key!(Counter);

impl VersionedRow for Promotion {
    fn keys(&self) -> Vec<UniqueKey> {
        self.code_key.clone().map(UniqueKey::PromotionCode).into_iter().collect()
    }
}

impl VersionedRow for TaxRate {
    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::TaxRate(self.tax_class.clone(), self.country.clone(), self.region_key.clone())]
    }
}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn count_uses(&mut self, delta: &UsesDelta) -> Judged {
        let after = delta.apply(self.count(&delta.counter)?);
        let after = after.ok_or(Conflict::Uses(delta.counter.promotion()))?;
        Ok(self.uses.put(delta.counter.clone(), after)?)
    }
}

impl<T: ReadRows> State<'_, T> {
    fn count(&self, counter: &Counter) -> StoreResult<i64> {
        Ok(self.uses.get(counter)?.unwrap_or_default())
    }

    pub(super) fn counted(&self, promotion: Promotion) -> StoreResult<CountedPromotion> {
        Ok(CountedPromotion { uses: self.count(&Counter::Promotion(promotion.id))?, promotion })
    }

    pub(super) fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules> {
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
                categories: std::collections::BTreeSet::new(),
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
