//! Shipping prices: the zones that serve a country, and the prices of their methods.

use crate::model::shipping::{Method, Rate, Tier, Zone};
use crate::money::{Amount, Currency};

/// Stands for every country that no zone names.
pub(in crate::shipping) const EVERYWHERE: &str = "*";

/// A shipping method with its price for a particular cart and country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The shipping method.
    pub method: Method,
    /// The zone that serves the country.
    pub zone: Zone,
    /// The price in minor units, including free shipping above a subtotal.
    pub price: Amount,
}

/// The zones that serve a country (ISO 3166-1 alpha-2, upper case): those that name it, or those with `*` if none does.
/// A zone that names a country excludes it from `*`, even if the zone has no active method.
pub fn zones_of<'a>(zones: &'a [Zone], country: &str) -> Vec<&'a Zone> {
    let naming = |word: &str| -> Vec<&'a Zone> {
        zones.iter().filter(|zone| zone.countries.iter().any(|named| named == word)).collect()
    };
    let named = naming(country);
    if named.is_empty() { naming(EVERYWHERE) } else { named }
}

/// All methods that can ship `weight_grams` with this `subtotal` to a country, cheapest first, then by name.
///
/// Excludes inactive methods, methods in another currency, and methods whose rate does not cover the weight or
/// subtotal.
#[must_use]
pub fn quote(
    zones: &[Zone],
    methods: &[Method],
    country: &str,
    weight_grams: i64,
    subtotal: Amount,
    currency: Currency,
) -> Vec<Quote> {
    let serving = zones_of(zones, country);
    let mut quotes: Vec<Quote> = methods
        .iter()
        .filter(|method| method.active && method.currency == currency)
        .filter_map(|method| {
            let zone = serving.iter().find(|zone| zone.id == method.zone_id)?;
            let price = price(method, weight_grams, subtotal)?;
            Some(Quote { method: method.clone(), zone: (*zone).clone(), price })
        })
        .collect();
    quotes.sort_by(|a, b| (a.price, &a.method.name, a.method.id).cmp(&(b.price, &b.method.name, b.method.id)));
    quotes
}

/// The price, or `None` if the rate does not cover the weight or subtotal. Free shipping only applies if the rate
/// covers them.
fn price(method: &Method, weight_grams: i64, subtotal: Amount) -> Option<Amount> {
    let price = match &method.rate {
        Rate::Flat { price } => *price,
        Rate::ByWeight { tiers } => step(tiers, weight_grams)?,
        Rate::BySubtotal { tiers } => step(tiers, subtotal.0)?,
    };
    let free = method.free_over.is_some_and(|over| subtotal >= over);
    Some(if free { Amount::ZERO } else { price })
}

fn step(tiers: &[Tier], measure: i64) -> Option<Amount> {
    tiers.iter().find(|tier| tier.up_to.is_none_or(|up_to| measure <= up_to)).map(|tier| tier.price)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::id::{MethodId, ZoneId};

    fn zone(id: u128, countries: &[&str]) -> Zone {
        Zone {
            id: ZoneId(Uuid::from_u128(id)),
            name: format!("zone {id}"),
            countries: countries.iter().map(|&code| code.to_owned()).collect(),
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn method(id: u128, zone: u128, rate: Rate) -> Method {
        Method {
            id: MethodId(Uuid::from_u128(id)),
            name: format!("method {id}"),
            zone_id: ZoneId(Uuid::from_u128(zone)),
            carrier: None,
            currency: Currency::USD,
            rate,
            free_over: None,
            min_days: None,
            max_days: None,
            active: true,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn flat(price: i64) -> Rate {
        Rate::Flat { price: Amount(price) }
    }

    fn tiers(steps: &[(Option<i64>, i64)]) -> Vec<Tier> {
        steps.iter().map(|&(up_to, price)| Tier { up_to, price: Amount(price) }).collect()
    }

    fn prices(zones: &[Zone], methods: &[Method], country: &str, weight: i64, subtotal: i64) -> Vec<(u128, i64)> {
        quote(zones, methods, country, weight, Amount(subtotal), Currency::USD)
            .into_iter()
            .map(|quote| (quote.method.id.0.as_u128(), quote.price.0))
            .collect()
    }

    #[test]
    fn a_zone_that_names_the_country_wins_over_the_rest_of_the_world() {
        let zones = [zone(1, &["US", "CA"]), zone(2, &["*"]), zone(3, &["US"])];
        let methods = [method(1, 1, flat(500)), method(2, 2, flat(100)), method(3, 3, flat(300))];
        assert_eq!(prices(&zones, &methods, "US", 0, 0), [(3, 300), (1, 500)]);
        assert_eq!(prices(&zones, &methods, "CA", 0, 0), [(1, 500)]);
        assert_eq!(prices(&zones, &methods, "DE", 0, 0), [(2, 100)]);
        assert_eq!(prices(&zones[..1], &methods, "DE", 0, 0), []);
    }

    #[test]
    fn a_named_country_without_active_methods_is_not_served_by_the_rest_of_the_world() {
        let zones = [zone(1, &["US"]), zone(2, &["*"])];
        let methods = [Method { active: false, ..method(1, 1, flat(500)) }, method(2, 2, flat(100))];
        assert_eq!(prices(&zones, &methods, "US", 0, 0), []);
    }

    #[test]
    fn tiers_reach_up_to_and_including_their_bound() {
        let zones = [zone(1, &["*"])];
        let weight = method(1, 1, Rate::ByWeight { tiers: tiers(&[(Some(1000), 400), (Some(5000), 900)]) });
        let subtotal = method(2, 1, Rate::BySubtotal { tiers: tiers(&[(Some(2000), 700), (None, 50)]) });
        let methods = [weight, subtotal];
        assert_eq!(prices(&zones, &methods, "US", 1000, 2000), [(1, 400), (2, 700)]);
        assert_eq!(prices(&zones, &methods, "US", 1001, 2001), [(2, 50), (1, 900)]);
        assert_eq!(prices(&zones, &methods, "US", 5001, 0), [(2, 700)], "too heavy for the first");
    }

    #[test]
    fn free_over_a_subtotal_but_only_where_it_is_carried() {
        let zones = [zone(1, &["*"])];
        let rate = Rate::ByWeight { tiers: tiers(&[(Some(1000), 400)]) };
        let methods = [Method { free_over: Some(Amount(5000)), ..method(1, 1, rate) }];
        assert_eq!(prices(&zones, &methods, "US", 1000, 4999), [(1, 400)]);
        assert_eq!(prices(&zones, &methods, "US", 1000, 5000), [(1, 0)]);
        assert_eq!(prices(&zones, &methods, "US", 1001, 5000), []);
    }

    #[test]
    fn prices_in_another_currency_are_left_out() {
        let zones = [zone(1, &["*"])];
        let methods = [Method { currency: "EUR".parse().unwrap(), ..method(1, 1, flat(500)) }];
        assert_eq!(prices(&zones, &methods, "US", 0, 0), []);
    }
}
