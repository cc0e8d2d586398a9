//! Input of a guest who requests the link to an order.

use serde::Deserialize;

use crate::error::Result;
use crate::field::{Checks, Field};
use crate::orders::operations::parse_number;
use crate::validate;

/// More characters than any spelling of an order number has.
const MAX_NUMBER_LENGTH: usize = 100;

/// The number of an order, and the e-mail address that placed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LookupInput {
    /// The order number, [in any spelling](crate::orders::operations::parse_number).
    pub number: Field<String>,
    /// The e-mail address, in any spelling.
    pub email: Field<String>,
}

impl LookupInput {
    /// The number and the normalized address. An invalid number is treated like one that no order has.
    pub(in crate::orders) fn check(self) -> Result<(String, String)> {
        let mut checks = Checks::new();
        let number = checks.required("number", self.number, validate::text(1, MAX_NUMBER_LENGTH));
        let email = checks.required("email", self.email, validate::email);
        match (number, email) {
            (Some(number), Some(email)) => Ok((parse_number(&number).unwrap_or_default(), email.key)),
            _ => Err(checks.into_error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    #[test]
    fn a_number_and_an_address_are_read_however_they_are_written() {
        let check = |input: Value| serde_json::from_value::<LookupInput>(input).unwrap().check();
        let refused = |input: Value| {
            let Err(Error::Invalid(invalid)) = check(input) else { panic!("it must be refused") };
            invalid.fields.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(refused(json!({})), ["email", "number"]);
        assert_eq!(refused(json!({"number": 5, "email": "nobody"})), ["email", "number"]);
        assert_eq!(refused(json!({"number": "x".repeat(101), "email": "a@example.com"})), ["number"]);
        let read = check(json!({"number": " #abcde fghjk ", "email": "Ada@Example.com"})).unwrap();
        assert_eq!(read.1, "ada@example.com");
        assert_eq!(Some(read.0), parse_number("ABCDE-FGHJK"));
        assert_eq!(check(json!({"number": "?", "email": "a@example.com"})).unwrap().0, "");
    }
}
