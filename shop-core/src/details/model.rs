//! The shop's own details.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::money::Currency;
use crate::row::Row;

/// The shop's own details. There is one row of them, or none until staff wrote something.
///
/// # Writes
/// There is one row, whose id is [`ShopDetails::ID`]. It is never deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "shop_details", entity = ShopDetails, constant_id)]
pub struct ShopDetails {
    /// The name that buyers know it by; `None`: a default is used ([`ShopDetailsView::name`]).
    pub name: Option<String>,
    /// The name of the company or person that sells.
    pub legal_name: Option<String>,
    /// Its postal address, in one or more lines.
    pub address: Option<String>,
    /// Its VAT or tax number, as it is written on invoices.
    pub vat_id: Option<String>,
    /// Where buyers can write to.
    pub contact_email: Option<String>,
    /// Where buyers can call.
    pub phone: Option<String>,
    /// The page with the terms and conditions.
    pub terms_url: Option<String>,
    /// The page with the privacy policy.
    pub privacy_url: Option<String>,
    /// The page about returns and the right of withdrawal.
    pub returns_url: Option<String>,
    /// When they were changed last.
    pub updated_at: Timestamp,
    /// Counts the changes; 0 while there is no row.
    pub version: i64,
}

impl ShopDetails {
    /// The id of the only row.
    pub const ID: Uuid = Uuid::nil();
}

impl ShopDetailsView {
    /// Those of a shop that has everything, for trying out templates of mails.
    pub(crate) fn sample() -> Self {
        let given = |text: &str| Some(text.to_owned());
        let details = ShopDetails {
            name: given("Tea & Co"),
            legal_name: given("Tea & Company Ltd"),
            address: given("1 High Street\nLondon"),
            vat_id: given("GB 123 4567 89"),
            contact_email: given("hello@example.com"),
            phone: given("+44 20 7946 0000"),
            terms_url: given("https://example.com/terms"),
            privacy_url: given("https://example.com/privacy"),
            returns_url: given("https://example.com/returns"),
            ..ShopDetails::default()
        };
        Self { details, ..Self::named("Tea & Co") }
    }

    /// Those of a shop that has nothing but a name.
    pub(crate) fn named(name: &str) -> Self {
        let details = ShopDetails::default();
        Self { details, name: name.to_owned(), currency: Currency::USD, countries: Vec::new() }
    }
}

/// The shop's own details as everybody sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopDetailsView {
    /// What staff wrote.
    pub details: ShopDetails,
    /// The shop's name: the one that staff gave it, else that of its mail templates
    /// ([`Templates::new`](crate::accounts::Templates::new)), else the host of its
    /// [`frontend_url`](crate::shop::Settings::frontend_url), else `Shop`.
    pub name: String,
    /// The currency of every price.
    pub currency: Currency,
    /// The countries that the shipping zones serve (ISO 3166-1 alpha-2), sorted; `*` stands for every country that no
    /// zone names.
    pub countries: Vec<String>,
}
