//! Tax rates.

use crate::batch::{Conflict, Unique};
use crate::model::taxes::TaxRate;
use crate::money::Ratio;

use super::fixtures::{far_away, long_ago, wild};
use super::generic::{Ends, check_list, life};
use super::lab::{CaseResult, Lab, accepted, refused};
use super::rows::{delete, insert, next, update};

impl Lab {
    pub(super) fn tax_rate(&mut self, country: &str, region_key: &str) -> TaxRate {
        TaxRate {
            id: self.id(),
            name: "Tax".to_owned(),
            tax_class: "standard".to_owned(),
            country: country.to_owned(),
            region: (!region_key.is_empty()).then(|| region_key.to_uppercase()),
            region_key: region_key.to_owned(),
            rate: Ratio(82_500),
            applies_to_shipping: false,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }
}

pub(super) async fn tax_rates_live(mut lab: Lab) -> CaseResult {
    let first = lab.tax_rate("US", "");
    let second = next(&first, |rate| {
        rate.name = wild();
        "reduced".clone_into(&mut rate.tax_class);
        "CA".clone_into(&mut rate.country);
        rate.region = Some(wild());
        rate.region_key = wild();
        rate.rate = Ratio::WHOLE;
        rate.applies_to_shipping = true;
        rate.created_at = long_ago();
        rate.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.tax_rate(id).await).await
}

pub(super) async fn a_class_has_one_rate_at_a_place(mut lab: Lab) -> CaseResult {
    let (country, region) = (lab.tax_rate("US", ""), lab.tax_rate("US", "ny"));
    let reduced = TaxRate { tax_class: "reduced".to_owned(), ..lab.tax_rate("US", "ny") };
    let taken = Conflict::Exists(Unique::TaxRate);
    accepted(lab.commit([insert(&country), insert(&region), insert(&reduced)]).await)?;
    let second = lab.tax_rate("US", "");
    refused(lab.commit([insert(&second)]).await, taken)?;
    let standard = next(&reduced, |rate| "standard".clone_into(&mut rate.tax_class));
    refused(lab.commit([update(&standard)]).await, taken)?;
    accepted(lab.commit([delete(&region), update(&standard)]).await)?;
    let mut rows = vec![country, standard];
    for country in ["DE", "FR"] {
        lab.tick();
        rows.push(lab.tax_rate(country, ""));
    }
    accepted(lab.commit(rows.iter().skip(2).map(insert)).await)?;
    check_list(&rows, async |request| lab.store.list_tax_rates(request).await).await
}
