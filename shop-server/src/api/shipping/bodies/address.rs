//! Postal addresses.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::shipping::{Address, AddressInput, SavedAddress, SavedAddressInput};
use uuid::Uuid;

use crate::field::{Nullable, Optional, Required};

/// A postal address.
#[derive(Debug, Object)]
pub(crate) struct AddressRequest {
    /// Required unless there is a company.
    first_name: Nullable<String>,
    /// Required unless there is a first name or a company.
    last_name: Nullable<String>,
    company: Nullable<String>,
    line1: Required<String>,
    line2: Nullable<String>,
    /// Required unless addresses of the country have no city: AE, AG, CO, GI, HK, ID, JP, KY, MO, NR, SG, SM, VG.
    city: Nullable<String>,
    /// Free text. For an order to a country whose taxes differ by region: an ISO 3166-2 code (`NY` or `US-NY`) or a
    /// name of the region (`New York`). The order stores the code without the country.
    region: Nullable<String>,
    postal_code: Nullable<String>,
    /// ISO 3166-1 alpha-2, or `XK`, `AC`, `TA`.
    country: Required<String>,
    phone: Nullable<String>,
}

/// What is known so far of a postal address.
///
/// A country is enough for shipping, and for taxes unless they differ by region.
#[derive(Debug, Object)]
pub(crate) struct KnownAddressRequest {
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

/// An entry of an address book.
#[derive(Debug, Object)]
pub(crate) struct SavedAddressRequest {
    /// Required unless there is a company.
    first_name: Nullable<String>,
    /// Required unless there is a first name or a company.
    last_name: Nullable<String>,
    company: Nullable<String>,
    line1: Required<String>,
    line2: Nullable<String>,
    /// Required unless addresses of the country have no city: AE, AG, CO, GI, HK, ID, JP, KY, MO, NR, SG, SM, VG.
    city: Nullable<String>,
    /// Free text. For an order to a country whose taxes differ by region: an ISO 3166-2 code (`NY` or `US-NY`) or a
    /// name of the region (`New York`). The order stores the code without the country.
    region: Nullable<String>,
    postal_code: Nullable<String>,
    /// ISO 3166-1 alpha-2, or `XK`, `AC`, `TA`.
    country: Required<String>,
    phone: Nullable<String>,
    /// Makes this the default address instead of the current one. The first address always becomes the default.
    is_default: Optional<bool>,
}

/// Changes to an entry of an address book.
#[derive(Debug, Object)]
pub(crate) struct SavedAddressChange {
    /// Required unless there is a company.
    first_name: Nullable<String>,
    /// Required unless there is a first name or a company.
    last_name: Nullable<String>,
    company: Nullable<String>,
    line1: Optional<String>,
    line2: Nullable<String>,
    /// Required unless addresses of the country have no city: AE, AG, CO, GI, HK, ID, JP, KY, MO, NR, SG, SM, VG.
    city: Nullable<String>,
    /// Free text. For an order to a country whose taxes differ by region: an ISO 3166-2 code (`NY` or `US-NY`) or a
    /// name of the region (`New York`). The order stores the code without the country.
    region: Nullable<String>,
    postal_code: Nullable<String>,
    /// ISO 3166-1 alpha-2, or `XK`, `AC`, `TA`.
    country: Optional<String>,
    phone: Nullable<String>,
    is_default: Optional<bool>,
}

macro_rules! address_input {
    ($request:expr) => {
        AddressInput {
            first_name: $request.first_name.into(),
            last_name: $request.last_name.into(),
            company: $request.company.into(),
            line1: $request.line1.into(),
            line2: $request.line2.into(),
            city: $request.city.into(),
            region: $request.region.into(),
            postal_code: $request.postal_code.into(),
            country: $request.country.into(),
            phone: $request.phone.into(),
        }
    };
}

impl From<AddressRequest> for AddressInput {
    fn from(request: AddressRequest) -> Self {
        address_input!(request)
    }
}

impl From<KnownAddressRequest> for AddressInput {
    fn from(request: KnownAddressRequest) -> Self {
        address_input!(request)
    }
}

impl From<SavedAddressRequest> for SavedAddressInput {
    fn from(request: SavedAddressRequest) -> Self {
        Self { is_default: request.is_default.into(), address: address_input!(request) }
    }
}

impl From<SavedAddressChange> for SavedAddressInput {
    fn from(request: SavedAddressChange) -> Self {
        Self { is_default: request.is_default.into(), address: address_input!(request) }
    }
}

/// A postal address.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Address")]
pub(crate) struct AddressBody {
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

impl From<Address> for AddressBody {
    fn from(address: Address) -> Self {
        Self {
            first_name: address.first_name,
            last_name: address.last_name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
            phone: address.phone,
        }
    }
}

/// An entry of an address book.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SavedAddress")]
pub(crate) struct SavedAddressBody {
    id: Uuid,
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
    is_default: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<SavedAddress> for SavedAddressBody {
    fn from(saved: SavedAddress) -> Self {
        let SavedAddress { id, address, is_default, created_at, updated_at, .. } = saved;
        Self {
            id: id.0,
            first_name: address.first_name,
            last_name: address.last_name,
            company: address.company,
            line1: address.line1,
            line2: address.line2,
            city: address.city,
            region: address.region,
            postal_code: address.postal_code,
            country: address.country,
            phone: address.phone,
            is_default,
            created_at,
            updated_at,
        }
    }
}
