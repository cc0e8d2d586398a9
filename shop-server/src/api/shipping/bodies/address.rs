//! Postal addresses.

use chrono::{DateTime, Utc};
use shop_core::shipping::{Address, AddressInput, SavedAddress, SavedAddressInput};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};

/// Declares requests that have the fields of a complete address, and others after them.
macro_rules! address_requests {
    ($($(#[$($meta:tt)*])* $name:ident => $input:tt $needed:ident { $($more:tt)* })+) => {
        requests! {$(
            $(#[$($meta)*])*
            $name => $input {
                /// Required unless there is a company.
                first_name: Nullable<String>,
                /// Required unless there is a first name or a company.
                last_name: Nullable<String>,
                company: Nullable<String>,
                line1: $needed<String>,
                line2: Nullable<String>,
                #[doc = "Required unless addresses of the country have no city: AE, AG, CO, GI, HK, ID, JP, KY, MO, \
                         NR, SG, SM, VG."]
                city: Nullable<String>,
                #[doc = "Free text. For an order to a country whose taxes differ by region: an ISO 3166-2 code (`NY` \
                         or `US-NY`) or a"]
                /// name of the region (`New York`). The order stores the code without the country.
                region: Nullable<String>,
                postal_code: Nullable<String>,
                /// ISO 3166-1 alpha-2, or `XK`, `AC`, `TA`.
                country: $needed<String>,
                phone: Nullable<String>,
                $($more)*
            }
        )+}
    };
}

address_requests! {
    /// A postal address.
    AddressRequest => AddressInput Required {}

    /// An entry of an address book.
    SavedAddressRequest => _ Required {
        /// Makes this the default address instead of the current one. The first address always becomes the default.
        is_default: Optional<bool>,
    }

    /// Changes to an entry of an address book.
    SavedAddressChange => _ Optional {
        is_default: Optional<bool>,
    }
}

requests! {
    /// What is known so far of a postal address.
    ///
    /// A country is enough for shipping, and for taxes unless they differ by region.
    KnownAddressRequest => AddressInput {
        first_name: Nullable<String>,
        last_name: Nullable<String>,
        company: Nullable<String>,
        line1: Nullable<String>,
        line2: Nullable<String>,
        city: Nullable<String>,
        /// If taxes differ by region: an ISO 3166-2 code (`NY` or `US-NY`) or a name of the region (`New York`).
        region: Nullable<String>,
        postal_code: Nullable<String>,
        /// ISO 3166-1 alpha-2, or `XK`, `AC`, `TA`.
        country: Nullable<String>,
        phone: Nullable<String>,
    }
}

macro_rules! saved_address_input {
    ($($request:ident),+) => {$(
        impl From<$request> for SavedAddressInput {
            fn from(request: $request) -> Self {
                let address = AddressInput {
                    first_name: request.first_name.into(),
                    last_name: request.last_name.into(),
                    company: request.company.into(),
                    line1: request.line1.into(),
                    line2: request.line2.into(),
                    city: request.city.into(),
                    region: request.region.into(),
                    postal_code: request.postal_code.into(),
                    country: request.country.into(),
                    phone: request.phone.into(),
                };
                Self { is_default: request.is_default.into(), address }
            }
        }
    )+};
}

saved_address_input!(SavedAddressRequest, SavedAddressChange);

bodies! {
    /// A postal address.
    AddressBody as "Address" from(address: Address) {
        /// Can be empty if there is a company.
        first_name: String,
        /// Can be empty.
        last_name: String,
        company: Option<String>,
        line1: String,
        line2: Option<String>,
        /// Empty if addresses of the country have no city.
        city: String,
        region: Option<String>,
        postal_code: Option<String>,
        country: String,
        phone: Option<String>,
    }

    /// An entry of an address book.
    SavedAddressBody as "SavedAddress" from(address: SavedAddress) with {
        let SavedAddress { id, address, is_default, created_at, updated_at, .. } = address;
    } {
        id: Uuid = id.0,
        /// Can be empty if there is a company.
        first_name: String,
        /// Can be empty.
        last_name: String,
        company: Option<String>,
        line1: String,
        line2: Option<String>,
        /// Empty if addresses of the country have no city.
        city: String,
        region: Option<String>,
        postal_code: Option<String>,
        country: String,
        phone: Option<String>,
        /// The address that is used unless another one is chosen.
        is_default: bool = is_default,
        created_at: DateTime<Utc> = created_at,
        updated_at: DateTime<Utc> = updated_at,
    }
}
