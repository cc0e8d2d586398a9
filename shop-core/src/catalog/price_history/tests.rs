use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::cart::operations::fixtures::contents;

fn day(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + TimeDelta::days(20_000 + number)
}

/// An active product with one variant.
fn product() -> Product {
    contents(&[(1000, 1)]).products.remove(0)
}

/// The only product of a shop over time, with its price history as a store keeps it.
struct Life {
    product: Option<Product>,
    history: Vec<PricePeriod>,
}

impl Life {
    fn new() -> Self {
        Self { product: None, history: Vec::new() }
    }

    /// Changes (or creates) the product as the calls do, and returns the lowest price of its variant afterwards.
    fn change(&mut self, now: Timestamp, change: impl FnOnce(&mut Product)) -> Option<i64> {
        let stored = self.product.take();
        let mut next = stored.clone().unwrap_or_else(product);
        change(&mut next);
        let known: Vec<_> = match &stored {
            None => Vec::new(),
            Some(stored) => {
                let needed = needs_history(stored, &next);
                let from = now - REDUCTION_WINDOW;
                let is_needed = |period: &&PricePeriod| {
                    needed.contains(&period.variant_id) && period.ends_at.is_none_or(|end| end > from)
                };
                let mut known: Vec<_> = self.history.iter().filter(is_needed).cloned().collect();
                begin_history(&mut known, stored, &needed);
                known
            }
        };
        set_lowest_prices(stored.as_ref(), &mut next, &known, now);
        next.version = stored.as_ref().map_or(1, |stored| stored.version + 1);
        for period in next_periods(stored.as_ref(), &next, &known, now) {
            self.history.retain(|old| (old.variant_id, old.version) != (period.variant_id, period.version));
            self.history.push(period);
        }
        let lowest = next.variants[0].lowest_price_30_days;
        self.product = Some(next);
        lowest.map(|amount| amount.0)
    }

    fn price(&mut self, now: Timestamp, price: i64, compare_at: Option<i64>) -> Option<i64> {
        self.change(now, |product| {
            product.variants[0].price = Amount(price);
            product.variants[0].compare_at_price = compare_at.map(Amount);
        })
    }

    fn status(&mut self, now: Timestamp, status: ProductStatus) -> Option<i64> {
        self.change(now, |product| product.status = status)
    }
}

#[test]
fn a_reduction_states_the_lowest_price_of_the_thirty_days_before() {
    let mut life = Life::new();
    assert_eq!(life.price(day(0), 1000, None), None, "nothing is reduced");
    assert_eq!(life.price(day(40), 800, Some(1000)), Some(1000));
    // It stays while the reduction lasts, whatever else changes.
    assert_eq!(life.change(day(60), |product| product.name = "Cup".into()), Some(1000));
    assert_eq!(life.price(day(80), 800, Some(1200)), Some(1000));
    assert_eq!(life.price(day(81), 1000, None), None, "it is over");
}

#[test]
fn a_history_that_an_earlier_release_did_not_keep_begins_with_what_is_stored() {
    let mut life = Life::new();
    life.price(day(0), 1000, None);
    life.history.clear();
    life.product.as_mut().unwrap().updated_at = day(0);
    assert_eq!(life.price(day(40), 800, Some(1000)), Some(1000));
    let prices: Vec<_> = life.history.iter().map(|period| (period.price, period.ends_at)).collect();
    assert_eq!(prices, [(Some(Amount(1000)), Some(day(40))), (Some(Amount(800)), None)]);
}

#[test]
fn a_price_that_was_raised_for_a_short_time_does_not_hide_the_lower_one() {
    let mut life = Life::new();
    life.price(day(0), 700, None);
    life.price(day(35), 1000, None);
    assert_eq!(life.price(day(40), 800, Some(1000)), Some(700));
}

#[test]
fn only_the_thirty_days_count_and_what_was_valid_when_they_began() {
    let mut life = Life::new();
    life.price(day(0), 700, None);
    life.price(day(10), 1000, None);
    // The price 700 ended exactly when the window begins, and a microsecond after that.
    let mut other = Life { product: life.product.clone(), history: life.history.clone() };
    assert_eq!(life.price(day(40), 800, Some(1000)), Some(1000));
    assert_eq!(other.price(day(40) - TimeDelta::microseconds(1), 800, Some(1000)), Some(700));
}

#[test]
fn each_further_reduction_begins_anew_and_a_raise_does_not() {
    let mut life = Life::new();
    life.price(day(0), 1000, None);
    assert_eq!(life.price(day(40), 900, Some(1000)), Some(1000));
    assert_eq!(life.price(day(45), 950, Some(1000)), Some(1000), "raised, and still reduced");
    assert_eq!(life.price(day(50), 800, Some(1000)), Some(900), "the earlier step was a price of the 30 days");
}

#[test]
fn a_comparison_without_a_lower_price_is_no_reduction() {
    let mut life = Life::new();
    life.price(day(0), 1000, None);
    assert_eq!(life.price(day(1), 1000, Some(1000)), None);
    assert_eq!(life.price(day(2), 1000, Some(900)), None);
    assert_eq!(life.price(day(3), 1000, Some(1001)), Some(1000), "compared with a higher price, it is one");
}

#[test]
fn what_was_not_offered_does_not_count() {
    let mut life = Life::new();
    life.change(day(0), |product| {
        product.status = ProductStatus::Draft;
        product.variants[0].price = Amount(100);
    });
    life.price(day(1), 1000, None);
    life.status(day(2), ProductStatus::Active);
    assert_eq!(life.price(day(5), 800, Some(1000)), Some(1000), "100 was a draft");
    assert_eq!(life.status(day(6), ProductStatus::Archived), None);
    life.price(day(7), 50, None);
    assert_eq!(life.price(day(8), 700, Some(1000)), None, "not offered");
    assert_eq!(life.status(day(9), ProductStatus::Active), Some(800), "a reduction is applied when it is offered");
    assert_eq!(life.status(day(100), ProductStatus::Draft), None);
    assert_eq!(life.status(day(200), ProductStatus::Active), None, "nothing was offered in the 30 days before");
}

#[test]
fn an_archived_variant_is_not_offered() {
    let mut life = Life::new();
    life.price(day(0), 500, None);
    life.change(day(1), |product| product.variants[0].archived = true);
    life.change(day(50), |product| {
        product.variants[0].archived = false;
        product.variants[0].price = Amount(1000);
    });
    assert_eq!(life.price(day(51), 900, Some(1000)), Some(1000));
}

#[test]
fn a_new_product_has_no_earlier_price() {
    assert_eq!(Life::new().price(day(0), 800, Some(1000)), None);
}

#[test]
fn prices_in_another_currency_do_not_count() {
    let mut life = Life::new();
    life.price(day(0), 500, None);
    let lowest = life.change(day(1), |product| {
        product.currency = "EUR".parse().unwrap();
        product.variants[0].price = Amount(800);
        product.variants[0].compare_at_price = Some(Amount(1000));
    });
    assert_eq!(lowest, None);
    assert_eq!(life.price(day(2), 700, Some(1000)), Some(800));
}

#[test]
fn a_clock_that_is_behind_ends_no_period_before_it_began() {
    let mut life = Life::new();
    life.price(day(5), 1000, None);
    assert_eq!(life.price(day(4), 800, Some(1000)), Some(1000));
    assert!(life.history.iter().all(|period| period.ends_at.is_none_or(|end| end >= period.starts_at)));
}

#[test]
fn what_changes_no_price_needs_no_history() {
    let stored = product();
    let renamed = Product { name: "Cup".into(), ..stored.clone() };
    assert_eq!(needs_history(&stored, &renamed), []);
    assert_eq!(next_periods(Some(&stored), &renamed, &[], day(0)), []);
}

/// Steps: the hours to wait, the new price, the price compared with, and the status.
fn steps() -> impl Strategy<Value = Vec<(i64, i64, Option<i64>, ProductStatus)>> {
    let status = prop_oneof![
        4 => Just(ProductStatus::Active),
        1 => Just(ProductStatus::Draft),
        1 => Just(ProductStatus::Archived)
    ];
    prop::collection::vec((0..500_i64, 1..9_i64, prop::option::of(1..12_i64), status), 1..20)
}

proptest! {
    /// The stored value equals what a log of every past hour yields.
    #[test]
    fn it_is_what_a_log_of_every_hour_says(steps in steps()) {
        let mut life = Life::new();
        // Entries are (hour, price offered from then on), in chronological order.
        let mut log: Vec<(i64, Option<i64>)> = Vec::new();
        let (mut hour, mut expected, mut reduced_at) = (0, None, None);
        for (wait, price, compare_at, status) in steps {
            hour += wait;
            let now = day(0) + TimeDelta::hours(hour);
            let lowest = life.change(now, |product| {
                product.status = status;
                product.variants[0].price = Amount(price);
                product.variants[0].compare_at_price = compare_at.map(Amount);
            });
            let offered = (status == ProductStatus::Active).then_some(price);
            let reduced = offered.filter(|price| compare_at.is_some_and(|earlier| earlier > *price));
            expected = match (reduced, reduced_at) {
                (None, _) => None,
                (Some(price), Some(before)) if price >= before => expected,
                (Some(_), _) => {
                    let ends = log.iter().skip(1).map(|(at, _)| *at).chain([i64::MAX]);
                    let counted = log.iter().zip(ends).filter(|(_, end)| *end > hour - 30 * 24);
                    counted.filter_map(|((_, price), _)| *price).min()
                }
            };
            reduced_at = reduced;
            log.push((hour, offered));
            prop_assert_eq!(lowest, expected);

            let open: Vec<_> = life.history.iter().filter(|period| period.ends_at.is_none()).collect();
            prop_assert_eq!(open.len(), 1);
            prop_assert_eq!(open[0].price.map(|amount| amount.0), offered);
        }
    }
}
