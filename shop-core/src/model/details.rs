//! The shop's own details.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::money::Currency;
use crate::row::Row;

/// The shop's own details: a single row, which does not exist until staff first write it.
///
/// # Writes
/// There is one row, whose id is [`ShopDetails::ID`]. It is never deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "shop_details", entity = ShopDetails, constant_id)]
pub struct ShopDetails {
    /// The name that buyers know; `None` selects a default ([`ShopDetailsView::name`]).
    pub name: Option<String>,
    /// The name of the company or person that sells.
    pub legal_name: Option<String>,
    /// The postal address of the seller, in one or more lines.
    pub address: Option<String>,
    /// The VAT or tax number of the seller, as written on invoices.
    pub vat_id: Option<String>,
    /// The e-mail address that buyers can write to.
    pub contact_email: Option<String>,
    /// The phone number that buyers can call.
    pub phone: Option<String>,
    /// The page with the terms and conditions.
    pub terms_url: Option<String>,
    /// The page with the privacy policy.
    pub privacy_url: Option<String>,
    /// The page about returns and the right of withdrawal.
    pub returns_url: Option<String>,
    /// When the details were last changed.
    pub updated_at: Timestamp,
    /// The number of changes; 0 while there is no row.
    pub version: i64,
}

impl ShopDetails {
    /// The id of the only row.
    pub const ID: Uuid = Uuid::nil();
}

impl ShopDetailsView {
    /// Details with every field set, for trial renderings of mail templates.
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

    /// Details with only a name.
    pub(crate) fn named(name: &str) -> Self {
        let details = ShopDetails::default();
        Self { details, name: name.to_owned(), currency: Currency::USD, countries: Vec::new() }
    }
}

/// The shop's own details as the public sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopDetailsView {
    /// The details that staff wrote.
    pub details: ShopDetails,
    /// The shop's name: the one that staff set, else that of the mail templates
    /// ([`Templates::new`](crate::accounts::Templates::new)), else the host of the
    /// [`frontend_url`](crate::shop::Settings::frontend_url), else `Shop`.
    pub name: String,
    /// The currency of every price.
    pub currency: Currency,
    /// The countries that the shipping zones serve (ISO 3166-1 alpha-2), sorted; `*` means every country that no zone
    /// names.
    pub countries: Vec<String>,
}
