//! Selects the tax rates that apply at an order's destination.

use crate::model::shipping::Address;
use crate::model::taxes::{TaxRate, region_key};
use crate::region::{Breadth, Jurisdiction, countries_of, example, find, is_code};

/// The rates that apply at a destination, from the innermost region out to the whole country.
pub(super) struct ApplicableRates<'a>(Vec<(usize, &'a TaxRate)>);

impl<'a> ApplicableRates<'a> {
    pub(super) fn of(rates: &'a [TaxRate], address: &Address) -> Self {
        if rates.is_empty() {
            return Self(Vec::new());
        }
        let jurisdiction = Jurisdiction::of(&address.country, address.region.as_deref(), Breadth::Narrow);
        let spellings = jurisdiction.map(|jurisdiction| jurisdiction.spellings()).unwrap_or_default();
        let mut here: Vec<_> = rates.iter().filter_map(|rate| Some((nearness(&spellings, rate)?, rate))).collect();
        here.sort_by_key(|(nearness, _)| *nearness);
        Self(here)
    }

    /// The rate of a tax class. A region's rate replaces that of any region or country around it.
    pub(super) fn of_class(&self, class: &str) -> Option<&'a TaxRate> {
        self.0.iter().map(|(_, rate)| *rate).find(|rate| rate.tax_class == class)
    }
}

/// Index of the spelling of the destination that matches the rate; smaller is more specific.
fn nearness(spellings: &[(&str, String)], rate: &TaxRate) -> Option<usize> {
    let at = |key: &str| spellings.iter().position(|(country, code)| *country == rate.country && code == key);
    at(&rate.region_key).or_else(|| {
        // Earlier releases stored the region as entered.
        let region = rate.region.as_deref().filter(|region| !is_code(&rate.country, region))?;
        let code = find(&rate.country, region, Breadth::Wide).ok()?;
        at(&region_key(Some(code)))
    })
}

/// The countries under which a rate for this address may be stored: its own, and others whose codes also cover the
/// jurisdiction.
pub(crate) fn tax_countries(address: &Address) -> Vec<String> {
    let jurisdiction = Jurisdiction::of(&address.country, address.region.as_deref(), Breadth::Narrow);
    let mut countries = jurisdiction.map(|jurisdiction| countries_of(jurisdiction.country)).unwrap_or_default();
    if !countries.contains(&address.country) {
        countries.push(address.country.clone());
    }
    countries
}

/// The first sentence of every refusal.
const RULE: &str =
    "Taxes differ by region there: the region must be its ISO 3166-2 code, such as NY for New York, or its name.";

/// The region code to store in the address of an order: its ISO 3166-2 code in countries where taxes differ by region,
/// else `None`, since the region has no effect there.
///
/// # Errors
/// A sentence that says why the region is refused: with a missing or invented region, a buyer could avoid tax.
pub(crate) fn region_of(rates: &[TaxRate], address: &Address) -> Result<Option<&'static str>, String> {
    if !rates.iter().any(|rate| divides(rate, &address.country)) {
        return Ok(None);
    }
    match address.region.as_deref().filter(|region| !region.trim().is_empty()) {
        Some(region) => {
            find(&address.country, region, Breadth::Narrow).map(Some).map_err(|why| format!("{RULE} {why}"))
        }
        None => Err(format!("{RULE} Some of {}: {}.", address.country, example(&address.country))),
    }
}

/// Whether the rate covers only a part of the country.
fn divides(rate: &TaxRate, country: &str) -> bool {
    let jurisdiction = || Jurisdiction::of(&rate.country, rate.region.as_deref(), Breadth::Wide);
    !rate.region_key.is_empty()
        && (rate.country == country
            || jurisdiction()
                .is_some_and(|jurisdiction| jurisdiction.country == country && jurisdiction.region.is_some()))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::id::TaxRateId;
    use crate::money::Ratio;

    /// Rates written as `country` or `country/region`, numbered by their index.
    fn rates(written: &[&str]) -> Vec<TaxRate> {
        let rate = |(number, written): (usize, &&str)| {
            let (country, region) =
                written.split_once('/').map_or((*written, None), |(country, region)| (country, Some(region)));
            TaxRate {
                id: TaxRateId(Uuid::from_u128(number as u128)),
                name: (*written).to_owned(),
                tax_class: "standard".into(),
                country: country.into(),
                region: region.map(str::to_owned),
                region_key: region_key(region),
                rate: Ratio(50_000),
                applies_to_shipping: false,
                created_at: Timestamp::UNIX_EPOCH,
                updated_at: Timestamp::UNIX_EPOCH,
                version: 1,
            }
        };
        written.iter().enumerate().map(rate).collect()
    }

    fn address(written: &str) -> Address {
        let (country, region) =
            written.split_once('/').map_or((written, None), |(country, region)| (country, Some(region)));
        Address { country: country.into(), region: region.map(str::to_owned), ..crate::orders::tests::address() }
    }

    fn applied(written: &[&str], to: &str) -> Option<String> {
        let rates = rates(written);
        ApplicableRates::of(&rates, &address(to)).of_class("standard").map(|rate| rate.name.clone())
    }

    #[test]
    fn the_rate_of_the_inmost_region_applies() {
        let rates = ["US", "US/NY", "ES", "ES/CN", "IN/OR", "PR", "FR", "FR/974", "NL/BQ1", "CN", "US/new york"];
        for (to, rate) in [
            ("US/NY", Some("US/NY")),
            ("US/us-ny", Some("US/NY")),
            ("US/New York", Some("US/NY")),
            ("US/TX", Some("US")),
            ("US/NYC", Some("US")),
            ("US", Some("US")),
            ("ES/TF", Some("ES/CN")),
            ("ES/Las Palmas", Some("ES/CN")),
            ("ES/M", Some("ES")),
            ("IN/OD", Some("IN/OR")),
            ("IN/Goa", None),
            ("PR", Some("PR")),
            ("PR/San Juan", Some("PR")),
            ("US/PR", Some("PR")),
            ("RE", Some("FR/974")),
            ("FR/Réunion", Some("FR/974")),
            ("BQ/BO", Some("NL/BQ1")),
            ("BQ/SA", None),
            // Territories have their own rates or none: China's rate does not apply to Hong Kong.
            ("HK", None),
            ("CN/HK", None),
            ("US/GU", None),
            ("DE", None),
        ] {
            assert_eq!(applied(&rates, to).as_deref(), rate, "{to}");
        }
        assert_eq!(applied(&["US/new york"], "US/NY").as_deref(), Some("US/new york"), "as an earlier release kept it");
        assert_eq!(applied(&["US/PR"], "PR").as_deref(), Some("US/PR"));
        assert_eq!(applied(&["GB/ENG"], "GB/Kent").as_deref(), Some("GB/ENG"));
    }

    #[test]
    fn a_region_is_judged_where_taxes_differ_by_it() {
        let rates = rates(&["US", "US/NY", "DE", "US/PR", "NL/BQ1"]);
        let judged = |to: &str| region_of(&rates, &address(to));
        for (to, region) in [
            ("US/New York", Some("NY")),
            ("US/us-tx", Some("TX")),
            ("US/Puerto Rico", Some("PR")),
            ("NL/Utrecht", Some("UT")),
            ("BQ/Saba", Some("SA")),
            ("DE/Bayern", None),
            ("DE/nowhere", None),
            ("PR", None),
            ("PR/San Juan", None),
        ] {
            assert_eq!(judged(to), Ok(region), "{to}");
        }
        for to in ["US", "US/ ", "US/NYC", "US/XX", "US/U", "US/001", "BQ", "BQ/Aruba"] {
            assert!(judged(to).is_err_and(|why| why.contains(" for ")), "{to}");
        }
        assert!(judged("US/NYC").unwrap_err().contains("NY for New York"));
    }
}
