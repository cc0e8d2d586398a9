//! Promotions, what counts their uses, and rates of tax.

use shop_core::batch::{Conflict, Unique};
use shop_core::catalog::{Promotion, TaxRate, UsesDelta};
use uuid::Uuid;

use super::part::Part;
use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};

pub(super) static PROMOTIONS: Table = Table {
    name: "promotions",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("code", Kind::Text),
        ("code_key", Kind::Text),
        ("currency", Kind::Text),
        ("offer", Kind::Json),
        ("min_subtotal", Kind::Int),
        ("product_ids", Kind::Json),
        ("category_ids", Kind::Json),
        ("customer_ids", Kind::Json),
        ("first_order_only", Kind::Flag),
        ("starts_at", Kind::Time),
        ("ends_at", Kind::Time),
        ("usage_limit", Kind::Int),
        ("usage_limit_per_customer", Kind::Int),
        ("combinable", Kind::Flag),
        ("priority", Kind::Int),
        ("active", Kind::Flag),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[(Unique::PromotionCode, "old.code_key = new.code_key")],
    counted: &[],
};

impl Record for Promotion {
    const TABLE: &'static Table = &PROMOTIONS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.name).optional_text(self.code.as_deref()).optional_text(self.code_key.as_deref());
        row.text(self.currency.code()).json(&self.offer).optional_int(self.min_subtotal.map(|amount| amount.0));
        row.json(&self.product_ids).json(&self.category_ids).json(&self.customer_ids).flag(self.first_order_only);
        row.optional_time(self.starts_at).optional_time(self.ends_at).optional_int(self.usage_limit);
        row.optional_int(self.usage_limit_per_customer).flag(self.combinable).int(self.priority).flag(self.active);
        row.time(self.created_at).time(self.updated_at).int(self.version);
    }
}

pub(super) static TAX_RATES: Table = Table {
    name: "tax_rates",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("tax_class", Kind::Text),
        ("country", Kind::Text),
        ("region", Kind::Text),
        ("region_key", Kind::Text),
        ("rate", Kind::Int),
        ("applies_to_shipping", Kind::Flag),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[(
        Unique::TaxRate,
        "old.country = new.country AND old.tax_class = new.tax_class AND old.region_key = new.region_key",
    )],
    counted: &[],
};

impl Record for TaxRate {
    const TABLE: &'static Table = &TAX_RATES;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.name).text(&self.tax_class).text(&self.country);
        row.optional_text(self.region.as_deref()).text(&self.region_key).int(self.rate.0);
        row.flag(self.applies_to_shipping).time(self.created_at).time(self.updated_at).int(self.version);
    }
}

/// The sum of changes of one count of orders.
///
/// Those that give back and those that take, of any number of batches, are judged at once as if they had come in that
/// order: the count is lowest after the givers, and highest at the end, when it may not pass the lowest limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UsesSum {
    delta: i64,
    taken: i64,
    limit: Option<i64>,
}

impl UsesSum {
    /// One change.
    pub(super) fn of(delta: &UsesDelta) -> Self {
        let limit = delta.limit.filter(|_| delta.delta > 0);
        Self { delta: delta.delta, taken: delta.delta.max(0), limit }
    }

    /// Another one beside it.
    pub(super) fn add(&mut self, other: Self) {
        self.delta = self.delta.saturating_add(other.delta);
        self.taken = self.taken.saturating_add(other.taken);
        self.limit = self.limit.into_iter().chain(other.limit).min();
    }

    /// As a row of [`Part::CountUses`].
    pub(super) fn row(self, promotion: Uuid, customer: &str) -> Row {
        let mut row = Row::default();
        row.id(promotion).text(customer).int(self.delta).int(self.taken).optional_int(self.limit);
        row
    }
}

/// Counts an order more or less.
pub(super) async fn count(plain: &mut Plain<'_>, delta: &UsesDelta) -> Applied {
    let (promotion, customer) = delta.counter.key();
    match plain.run(Part::CountUses, vec![UsesSum::of(delta).row(promotion, customer)]).await? {
        0 => Ok(()),
        _ => Err(Conflict::Uses(delta.counter.promotion()).into()),
    }
}

#[cfg(test)]
mod tests {
    use shop_core::catalog::Counter;

    use super::*;

    #[test]
    fn sums_keep_the_lowest_limit_of_those_who_take() {
        let delta = |delta, limit| UsesDelta { counter: Counter::Orders("a".into()), delta, limit };
        let mut sum = UsesSum::default();
        for delta in [delta(1, None), delta(1, Some(7)), delta(-1, Some(1)), delta(1, Some(9))] {
            sum.add(UsesSum::of(&delta));
        }
        assert_eq!(sum, UsesSum { delta: 2, taken: 3, limit: Some(7) });
    }
}
