//! Request and response bodies of the shop's details.

use shop_core::details::{ShopDetailsInput, ShopDetailsView};

use crate::api::macros::{bodies, requests};

requests! {
    /// Changes to the shop's details. Null or blank clears a field.
    ShopChange => ShopDetailsInput {
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
}

bodies! {
    /// The shop's details.
    ShopBody as "Shop" from(details: ShopDetailsView) with {
        let ShopDetailsView { details, name, currency, countries } = details;
    } {
        /// The name shown to buyers.
        name: String = name,
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
        currency: String = currency.to_string(),
        #[doc = "The countries that the shipping zones serve (ISO 3166-1 alpha-2); `*` means all countries that no \
                 zone names."]
        countries: Vec<String> = countries,
        version: i64,
    }
}
