//! The input for postal addresses.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::model::shipping::Address;
use crate::validate;

/// The maximum length of a name of a person, company or place, in characters.
const MAX_NAME_LENGTH: usize = 150;
/// The maximum length of an address line, in characters.
const MAX_LINE_LENGTH: usize = 200;
/// The maximum length of a postal code; the longest in use has ten characters.
const MAX_POSTAL_CODE_LENGTH: usize = 20;

/// A postal address as sent by a caller.
///
/// Empty text in an optional field counts as absent: forms send `""` for fields that were left empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "each is the field of `Address` with the same name")]
pub struct AddressInput {
    pub first_name: Field<String>,
    pub last_name: Field<String>,
    pub company: Field<String>,
    pub line1: Field<String>,
    pub line2: Field<String>,
    pub city: Field<String>,
    pub region: Field<String>,
    pub postal_code: Field<String>,
    pub country: Field<String>,
    pub phone: Field<String>,
}

impl AddressInput {
    /// Validates the address. Returns `None` if a field is invalid, and records its path: `city` with an empty prefix,
    /// `shipping_address.city` with the prefix `shipping_address`.
    ///
    /// The address must name a person or a company: the last name is optional if there is a first name, and both are
    /// optional if there is a company. It must name a city if addresses of its country have one.
    ///
    /// If the input [may be incomplete](Checks::incomplete), a country is enough: absent fields are empty.
    pub fn check(self, checks: &mut Checks, prefix: &str) -> Option<Address> {
        let may_lack = checks.is_incomplete();
        let path = |field: &str| if prefix.is_empty() { field.to_owned() } else { format!("{prefix}.{field}") };
        let country = if may_lack { self.country.or_missing() } else { self.country };
        let country = checks.required(&path("country"), country, validate::country);
        let has_cities = country.as_deref().is_none_or(validate::has_cities);
        let mut text = |field: &str, given: Field<String>, max, is_required| {
            if is_required {
                let given = if may_lack { given.or_missing() } else { given };
                let text = checks.required(&path(field), given, validate::text(1, max));
                text.or_else(|| may_lack.then(String::new))
            } else {
                let text = checks.optional(&path(field), given, validate::or_blank(validate::text(1, max)));
                Some(text.flatten().unwrap_or_default())
            }
        };
        let company = text("company", self.company, MAX_NAME_LENGTH, false).filter(|text| !text.is_empty());
        let first_name = text("first_name", self.first_name, MAX_NAME_LENGTH, company.is_none());
        let is_named = company.is_some() || first_name.as_deref().is_some_and(|name| !name.is_empty());
        let last_name = text("last_name", self.last_name, MAX_NAME_LENGTH, !is_named);
        let line1 = text("line1", self.line1, MAX_LINE_LENGTH, true);
        let city = text("city", self.city, MAX_NAME_LENGTH, has_cities);
        let mut optional = |field: &str, given, max| text(field, given, max, false).filter(|text| !text.is_empty());
        let line2 = optional("line2", self.line2, MAX_LINE_LENGTH);
        let region = optional("region", self.region, MAX_NAME_LENGTH);
        let postal_code = optional("postal_code", self.postal_code, MAX_POSTAL_CODE_LENGTH);
        let phone = checks.optional(&path("phone"), self.phone, validate::or_blank(validate::phone)).flatten();
        // A refused field is recorded in `checks`, so an address built without it is never used.
        Some(Address {
            first_name: first_name?,
            last_name: last_name?,
            company,
            line1: line1?,
            line2,
            city: city?,
            region,
            postal_code,
            country: country?,
            phone,
        })
    }

    /// Takes absent fields from `base`, for a partial update.
    #[must_use]
    pub fn over(self, base: &Address) -> Self {
        let text = |field, old: &str| over(field, Some(old.to_owned()));
        let optional = |field, old: &Option<String>| over(field, old.clone());
        Self {
            first_name: text(self.first_name, &base.first_name),
            last_name: text(self.last_name, &base.last_name),
            company: optional(self.company, &base.company),
            line1: text(self.line1, &base.line1),
            line2: optional(self.line2, &base.line2),
            city: text(self.city, &base.city),
            region: optional(self.region, &base.region),
            postal_code: optional(self.postal_code, &base.postal_code),
            country: text(self.country, &base.country),
            phone: optional(self.phone, &base.phone),
        }
    }
}

/// An entry of an address book as sent by a caller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SavedAddressInput {
    /// The postal address.
    #[serde(flatten)]
    pub address: AddressInput,
    /// See [`SavedAddress::is_default`](crate::shipping::SavedAddress::is_default).
    pub is_default: Field<bool>,
}

impl SavedAddressInput {
    /// Validates the address and, if present, whether it becomes the default. For a partial update, absent fields are
    /// taken from `base`.
    pub(in crate::shipping) fn check(self, base: Option<&Address>) -> Result<(Address, Option<bool>)> {
        let mut checks = Checks::new();
        let is_default = checks.filled(base.is_none(), "is_default", self.is_default, Ok);
        let address = match base {
            Some(base) => self.address.over(base),
            None => self.address,
        };
        let address = address.check(&mut checks, "");
        match address {
            Some(address) if checks.is_clean() => Ok((address, is_default)),
            _ => Err(checks.into_error()),
        }
    }
}

/// The field, or the old value if it is absent.
fn over<T>(field: Field<T>, old: Option<T>) -> Field<T> {
    match field {
        Field::Missing => old.map_or(Field::Null, Field::Given),
        field => field,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn good() -> AddressInput {
        AddressInput {
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            line1: "12 St James's Square".into(),
            line2: " ".into(),
            city: "London".into(),
            postal_code: "SW1Y 4JH".into(),
            country: "gb".into(),
            ..AddressInput::default()
        }
    }

    #[test]
    fn a_whole_address_passes() {
        let mut checks = Checks::new();
        let address = good().check(&mut checks, "").unwrap();
        assert!(checks.is_clean());
        assert_eq!((address.country.as_str(), address.line2, address.region), ("GB", None, None));
    }

    #[test]
    fn a_country_is_enough_where_the_rest_may_follow() {
        let known = |input: AddressInput| {
            let mut checks = Checks::incomplete();
            let address = input.check(&mut checks, "to");
            (address, checks.take_missing(), checks.is_clean())
        };
        let input = || AddressInput { country: "us".into(), region: "NY".into(), ..AddressInput::default() };
        let (address, missing, is_clean) = known(AddressInput { line1: " ".into(), city: Field::Null, ..input() });
        let address = address.unwrap();
        assert_eq!(
            (address.country.as_str(), address.region.as_deref(), address.city.as_str()),
            ("US", Some("NY"), "")
        );
        assert_eq!(
            (missing, is_clean),
            (["to.first_name", "to.last_name", "to.line1", "to.city"].map(String::from).into(), true)
        );
        let (_, missing, _) =
            known(AddressInput { country: "JP".into(), company: "Co".into(), ..AddressInput::default() });
        assert_eq!(missing, ["to.line1"]);
        // A given value must be valid.
        let (.., is_clean) = known(AddressInput { country: "XX".into(), ..input() });
        assert!(!is_clean);
        let (address, missing, is_clean) = known(AddressInput { country: "".into(), ..good() });
        assert_eq!((address, missing, is_clean), (None, vec!["to.country".to_owned()], true));
    }

    #[test]
    fn everything_wrong_is_named_below_the_prefix() {
        let input = AddressInput {
            first_name: Field::Missing,
            last_name: Field::Null,
            line1: Field::Wrong("Not a valid string.".into()),
            city: "\u{7}".into(),
            postal_code: "1".repeat(21).as_str().into(),
            country: "XX".into(),
            phone: "call me".into(),
            ..good()
        };
        let mut checks = Checks::new();
        assert_eq!(input.check(&mut checks, "shipping_address"), None);
        let Err(Error::Invalid(invalid)) = checks.finish() else { panic!("it must be refused") };
        let fields: Vec<_> = invalid.fields.keys().map(String::as_str).collect();
        let expected = ["city", "country", "first_name", "last_name", "line1", "phone", "postal_code"]
            .map(|f| format!("shipping_address.{f}"));
        assert_eq!(fields, expected);
    }

    fn check(input: AddressInput) -> std::result::Result<Address, Vec<String>> {
        let mut checks = Checks::new();
        let address = input.check(&mut checks, "");
        match checks.finish() {
            Ok(()) => Ok(address.unwrap()),
            Err(Error::Invalid(invalid)) => Err(invalid.fields.into_keys().collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_person_or_a_company_is_named() {
        let named = |first: &str, last: &str, company: &str| {
            check(AddressInput { first_name: first.into(), last_name: last.into(), company: company.into(), ..good() })
        };
        let parts = |address: Address| (address.first_name, address.last_name, address.company);
        assert_eq!(named("Björk", "", "").map(parts), Ok(("Björk".into(), String::new(), None)));
        assert_eq!(named("", " ", "ACME").map(parts), Ok((String::new(), String::new(), Some("ACME".into()))));
        assert_eq!(named("", "Lovelace", "ACME").map(parts).unwrap().1, "Lovelace");
        assert_eq!(named("", "Lovelace", ""), Err(vec!["first_name".into()]));
        assert_eq!(named("", " ", " "), Err(vec!["first_name".into(), "last_name".into()]));
        for nothing in [Field::Missing, Field::Null] {
            let mononym = AddressInput { last_name: nothing.clone(), ..good() };
            assert_eq!(check(mononym).map(|address| address.last_name), Ok(String::new()));
            let company = AddressInput {
                first_name: nothing.clone(),
                last_name: nothing.clone(),
                company: "ACME".into(),
                ..good()
            };
            assert_eq!(check(company).map(|address| address.first_name), Ok(String::new()));
        }
    }

    #[test]
    fn a_city_is_named_where_addresses_have_one() {
        let country =
            |country: &str, city: Field<String>| check(AddressInput { country: country.into(), city, ..good() });
        for without in ["AE", "AG", "CO", "GI", "HK", "ID", "JP", "KY", "MO", "NR", "SG", "SM", "VG", "sg"] {
            for city in [Field::Missing, Field::Null, " ".into()] {
                assert_eq!(country(without, city).map(|address| address.city), Ok(String::new()), "{without}");
            }
            assert_eq!(country(without, "Town".into()).map(|address| address.city), Ok("Town".into()));
        }
        for with in ["GB", "US", "XK", "AC", "TA", "MC", "VA"] {
            assert_eq!(country(with, Field::Missing), Err(vec!["city".into()]), "{with}");
            assert_eq!(country(with, " ".into()), Err(vec!["city".into()]), "{with}");
        }
        // A new country may require fields that the old one did not.
        let singapore = country("SG", Field::Missing).unwrap();
        let moved = AddressInput { country: "GB".into(), ..AddressInput::default() };
        assert_eq!(check(moved.over(&singapore)), Err(vec!["city".into()]));
        let renamed = AddressInput { line2: "#02-01".into(), ..AddressInput::default() };
        assert_eq!(check(renamed.over(&singapore)).map(|address| address.city), Ok(String::new()));
    }

    #[test]
    fn a_line_break_in_a_line_is_a_blank() {
        let pasted =
            AddressInput { line1: "12 St James's Square\u{2028}Flat\u{b}3".into(), city: "Bath\r\n".into(), ..good() };
        let address = check(pasted).unwrap();
        assert_eq!((address.line1.as_str(), address.city.as_str()), ("12 St James's Square Flat 3", "Bath"));
    }

    #[test]
    fn a_partial_change_keeps_the_rest() {
        let mut checks = Checks::new();
        let before = good().check(&mut checks, "").unwrap();
        let change = AddressInput { city: "Bath".into(), postal_code: Field::Null, ..AddressInput::default() };
        let after = change.over(&before).check(&mut checks, "").unwrap();
        assert!(checks.is_clean());
        assert_eq!(after, Address { city: "Bath".into(), postal_code: None, ..before.clone() });
        let change = AddressInput { city: Field::Null, ..AddressInput::default() };
        assert_eq!(change.over(&before).check(&mut checks, ""), None);
    }
}
