//! The read that prices are computed from.

use std::collections::BTreeSet;

use crate::model::pricing::{CountedOffer, Customer, PriceRules, RulesQuery};
use crate::model::promotions::{Counter, Promotion};

use super::fixtures::wild;
use super::lab::{CaseResult, Lab, accepted, same};
use super::promotions::count;
use super::rows::insert;

pub(super) async fn the_rules_of_a_price_are_read_at_once(mut lab: Lab) -> CaseResult {
    let query = RulesQuery::default;
    same(&lab.store.price_rules(&query()).await?, &PriceRules::default())?;
    let user = lab.user();
    let parent = lab.category("Clothes", None);
    let child = lab.category("Shirts", Some(&parent));
    let other = lab.category("Toys", None);
    let automatic = Promotion {
        category_ids: BTreeSet::from([parent.id, lab.id()]),
        product_ids: BTreeSet::from([lab.id()]),
        ..lab.promotion()
    };
    let paused = Promotion { active: false, ..lab.promotion() };
    let (spring, summer) = (lab.coupon("spring"), Promotion { active: false, ..lab.coupon("summer") });
    let rates = [lab.tax_rate("US", "ny"), lab.tax_rate("US", ""), lab.tax_rate("DE", "")];
    accepted(lab.commit([insert(&user), insert(&parent), insert(&child), insert(&other)]).await)?;
    accepted(lab.commit([&automatic, &paused, &spring, &summer].map(insert)).await)?;
    accepted(lab.commit(rates.iter().map(insert)).await)?;
    let (account, guest) = (Customer::User(user.id), Customer::Guest(user.email_key.clone()));
    let counters = [
        (Counter::Promotion(spring.id), 3),
        (Counter::Customer(spring.id, account.key()), 2),
        (Counter::Customer(spring.id, "other".to_owned()), 1),
        // A count for an e-mail address, if there is one, does not matter.
        (Counter::Customer(spring.id, guest.key()), 1),
        (Counter::Orders(account.key()), 2),
        (Counter::Orders(guest.key()), 3),
        (Counter::Unpaid(account.key()), 4),
        (Counter::Unpaid(guest.key()), 5),
        (Counter::Promotion(automatic.id), 1),
    ];
    for (counter, uses) in counters {
        for _ in 0..uses {
            accepted(lab.commit([count(counter.clone(), 1, None)]).await)?;
        }
    }

    let offered = |promotion: &Promotion, uses, customer_uses| CountedOffer {
        categories: if promotion.category_ids.is_empty() {
            BTreeSet::new()
        } else {
            BTreeSet::from([parent.id, child.id])
        },
        promotion: promotion.clone(),
        uses,
        customer_uses,
    };
    // For no particular customer, without coupons and taxes.
    let rules = lab.store.price_rules(&query()).await?;
    let wanted = PriceRules { promotions: vec![offered(&automatic, 1, 0)], ..PriceRules::default() };
    same(&rules, &wanted)?;
    let coupons = RulesQuery {
        code_keys: ["summer", "spring", "spring", "winter", &wild()].map(str::to_owned).to_vec(),
        tax_countries: vec!["US".to_owned(), wild()],
        ..query()
    };
    let wanted = |spring_uses, customer_orders, unpaid_orders| PriceRules {
        promotions: vec![offered(&automatic, 1, 0), offered(&spring, 3, spring_uses), offered(&summer, 0, 0)],
        customer_orders,
        unpaid_orders,
        tax_rates: rates[..2].to_vec(),
    };
    same(&lab.store.price_rules(&coupons).await?, &wanted(0, None, 0))?;
    let nobody = Customer::User(lab.id());
    for (customer, wanted) in [
        (account, wanted(2, Some(2), 4)),
        (guest, wanted(0, None, 5)),
        (Customer::Guest(wild()), wanted(0, None, 0)),
        (nobody, wanted(0, Some(0), 0)),
    ] {
        let query = RulesQuery { customer: Some(customer), ..coupons.clone() };
        same(&lab.store.price_rules(&query).await?, &wanted)?;
    }
    Ok(())
}
