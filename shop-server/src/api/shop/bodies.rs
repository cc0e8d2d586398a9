//! Request and response bodies of the shop's details.

use poem_openapi::Object;
use serde::Serialize;
use shop_core::details::{ShopDetailsInput, ShopDetailsView};

use crate::field::Nullable;

/// Changes to the shop's details. Null or blank clears a field.
#[derive(Debug, Object)]
pub(crate) struct ShopChange {
    /// At most 80 characters. Without a name, the shop goes by the host name of its front end.
    name: Nullable<String>,
    /// At most 200 characters.
    legal_name: Nullable<String>,
    /// At most 500 characters, on one or more lines.
    address: Nullable<String>,
    vat_id: Nullable<String>,
    contact_email: Nullable<String>,
    phone: Nullable<String>,
    /// An `http` or `https` URL, as for the other pages.
    terms_url: Nullable<String>,
    privacy_url: Nullable<String>,
    returns_url: Nullable<String>,
}

impl From<ShopChange> for ShopDetailsInput {
    fn from(change: ShopChange) -> Self {
        Self {
            name: change.name.into(),
            legal_name: change.legal_name.into(),
            address: change.address.into(),
            vat_id: change.vat_id.into(),
            contact_email: change.contact_email.into(),
            phone: change.phone.into(),
            terms_url: change.terms_url.into(),
            privacy_url: change.privacy_url.into(),
            returns_url: change.returns_url.into(),
        }
    }
}

/// The shop's details.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Shop")]
pub(crate) struct ShopBody {
    /// The name shown to buyers.
    name: String,
    /// The legal name of the seller, a company or a person.
    legal_name: Option<String>,
    /// The postal address, on one or more lines.
    address: Option<String>,
    /// The VAT or tax number, as on invoices.
    vat_id: Option<String>,
    /// The e-mail address for buyers.
    contact_email: Option<String>,
    /// The phone number for buyers.
    phone: Option<String>,
    /// The URL of the terms and conditions.
    terms_url: Option<String>,
    /// The URL of the privacy policy.
    privacy_url: Option<String>,
    /// The URL of the page about returns and the right of withdrawal.
    returns_url: Option<String>,
    /// The currency of all prices (ISO 4217).
    currency: String,
    /// The countries that the shipping zones serve (ISO 3166-1 alpha-2); `*` means all countries that no zone names.
    countries: Vec<String>,
    version: i64,
}

impl From<ShopDetailsView> for ShopBody {
    fn from(view: ShopDetailsView) -> Self {
        let ShopDetailsView { details, name, currency, countries } = view;
        Self {
            name,
            legal_name: details.legal_name,
            address: details.address,
            vat_id: details.vat_id,
            contact_email: details.contact_email,
            phone: details.phone,
            terms_url: details.terms_url,
            privacy_url: details.privacy_url,
            returns_url: details.returns_url,
            currency: currency.to_string(),
            countries,
            version: details.version,
        }
    }
}
