//! The counts of each customer match their orders.

use std::collections::HashMap;

use super::ATTEMPTS;
use super::pages::Pages;
use crate::error::Result;
use crate::id::PromotionId;
use crate::model::orders::{Order, OrderFilter, OrderSort, OrderStatus};
use crate::model::pricing::{Customer, RulesQuery};
use crate::model::promotions::code_key;
use crate::shop::Shop;

impl Shop {
    /// Compares the counts of all customers with their orders. Reports differences that persist.
    pub(super) async fn check_customers(&self) -> Result<Vec<String>> {
        let mut buyers: HashMap<Customer, BuyerCounts> = HashMap::new();
        let mut pages = Pages::<OrderSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_orders(&OrderFilter::default(), &request).await?;
            pages.turn(page.next);
            for order in &page.items {
                buyers.entry(order.counted_of()).or_default().add(order);
            }
        }
        let mut problems = Vec::new();
        for (buyer, count) in buyers {
            if !self.miscounted(&buyer, &count).await?.is_empty() {
                problems.extend(self.check_buyer(&buyer).await?);
            }
        }
        problems.sort_unstable();
        Ok(problems)
    }

    /// Compares the counts of one customer with their orders. Reports differences that persist.
    async fn check_buyer(&self, buyer: &Customer) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let mut count = BuyerCounts::default();
            let mut pages = Pages::<OrderSort>::new();
            while let Some(request) = pages.next() {
                let filter = match buyer {
                    Customer::Guest(email) => OrderFilter { email_key: Some(email.clone()), ..OrderFilter::default() },
                    Customer::User(id) => OrderFilter { customer_id: Some(*id), ..OrderFilter::default() },
                };
                let page = self.store().list_orders(&filter, &request).await?;
                pages.turn(page.next);
                page.items.iter().filter(|order| order.counted_of() == *buyer).for_each(|order| count.add(order));
            }
            found = self.miscounted(buyer, &count).await?;
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn miscounted(&self, buyer: &Customer, count: &BuyerCounts) -> Result<Vec<String>> {
        let query = RulesQuery {
            code_keys: count.codes.iter().map(|code| code_key(code)).collect(),
            customer: Some(buyer.clone()),
            tax_countries: Vec::new(),
        };
        let rules = self.store().price_rules(&query).await?;
        // Named by an order number, so that the report contains no e-mail address.
        let of = &count.number;
        let mut problems = Vec::new();
        let (counted, unpaid) = (rules.customer_orders, rules.unpaid_orders);
        if unpaid != count.unpaid {
            problems.push(format!(
                "Order {of}: {unpaid} unpaid orders of its buyer are counted, there are {}.",
                count.unpaid
            ));
        }
        // Guests have no other counts.
        let Some(counted) = counted else { return Ok(problems) };
        if counted != count.orders {
            problems
                .push(format!("Order {of}: {counted} orders of its customer are counted, there are {}.", count.orders));
        }
        for offered in rules.promotions {
            let (id, counted) = (offered.promotion.id, offered.customer_uses);
            let carried = count.uses.get(&id).copied().unwrap_or_default();
            if counted != carried {
                problems.push(format!(
                    "Order {of}: {counted} uses of promotion {id} by its customer are counted, {carried} orders carry it."
                ));
            }
        }
        Ok(problems)
    }
}

/// Counts computed from the orders of one buyer.
#[derive(Debug, Default)]
struct BuyerCounts {
    /// The number of one of the orders.
    number: String,
    orders: i64,
    unpaid: i64,
    uses: HashMap<PromotionId, i64>,
    codes: Vec<String>,
}

impl BuyerCounts {
    fn add(&mut self, order: &Order) {
        self.number.clone_from(&order.number);
        self.unpaid += i64::from(order.is_unpaid());
        for code in order.explanation.promotions.iter().filter_map(|used| used.code.as_ref()) {
            if !self.codes.contains(code) {
                self.codes.push(code.clone());
            }
        }
        if order.status != OrderStatus::Canceled {
            self.orders += 1;
            for used in &order.explanation.promotions {
                *self.uses.entry(used.promotion_id).or_default() += 1;
            }
        }
    }
}
