//! Declarations of request and response bodies, which name each field once.

/// Declares request bodies: structs with a schema, and their conversion to the core's input.
///
/// ```text
/// requests! {
///     /// A tax rate.
///     TaxRateRequest,
///     /// Changes to a tax rate.
///     TaxRateChange => TaxRateInput {
///         /// The name shown to buyers.
///         name: Needed<String>,
///         region: Nullable<String>,
///     }
/// }
/// ```
///
/// The types of fields are the wrappers of [`crate::field`], or `Needed`, which is `Required` in the first struct and
/// `Optional` in the second. The second struct may be left out. Each field of the input gets the field of the same
/// name, converted by [`crate::field::Convert`]; `_` in place of the input declares no conversion.
macro_rules! requests {
    ($(
        $(#[$($meta:tt)*])* $name:ident $(, $(#[$($change_meta:tt)*])* $change:ident)? => $input:tt $fields:tt
    )+) => {$(
        $crate::api::macros::request! { [$(#[$($meta)*])*] $name Required $input $fields }
        $($crate::api::macros::request! { [$(#[$($change_meta)*])*] $change Optional $input $fields })?
    )+};
}

/// One struct of [`requests`].
macro_rules! request {
    ([$($meta:tt)*] $name:ident $needed:ident $input:tt {
        $($(#[$($field_meta:tt)*])* $visibility:vis $field:ident: $wrapper:ident<$type:ty>),+ $(,)?
    }) => {
        #[derive(Debug, ::poem_openapi::Object)]
        $($meta)*
        pub(in crate::api) struct $name {
            $($(#[$($field_meta)*])* $visibility $field: $crate::api::macros::wrapper!($wrapper $needed $type)),+
        }

        $crate::api::macros::input! { $name $input $($field)+ }
    };
}

/// The type of a field of [`requests`].
macro_rules! wrapper {
    (Needed $needed:ident $type:ty) => { $crate::field::$needed<$type> };
    ($wrapper:ident $needed:ident $type:ty) => { $crate::field::$wrapper<$type> };
}

/// The conversion of a struct of [`requests`].
macro_rules! input {
    ($name:ident _ $($field:ident)+) => {};
    ($name:ident $input:ident $($field:ident)+) => {
        impl From<$name> for $input {
            fn from(request: $name) -> Self {
                Self { $($field: request.$field.into_field()),+ }
            }
        }

        impl $crate::field::Convert<$input> for $name {
            fn convert(self) -> $input {
                self.into()
            }
        }
    };
}

/// Declares response bodies: structs with a schema, and how they are made of values of the core.
///
/// ```text
/// bodies! {
///     /// A line of a draft order.
///     DraftItemBody as "DraftOrderItem" new(item: DraftItemView, currency: Currency) {
///         variant_id: Uuid,
///         /// The catalog price.
///         list_price: Money = Money::new(item.list_price, currency),
///     }
/// }
/// ```
///
/// The name after `as` is that of the schema. `from(value: Type)` implements [`From`]; `new(value: Type, …)` is a
/// function with that name. A field without an expression gets the field of the same
/// name of the value, converted by [`crate::field::Convert`]. `with { … }` before the fields holds statements to be
/// run first; a statement that binds the value's name again changes where fields are taken from.
macro_rules! bodies {
    ($(
        $(#[$($meta:tt)*])*
        $name:ident as $schema:tt $(from($($from:tt)*))? $(new($($new:tt)*))? $(with { $($with:tt)* })? {
            $($(#[$($field_meta:tt)*])* $field:ident: $type:ty $(= $value:expr)?),+ $(,)?
        }
    )+) => {$(
        #[derive(Debug, ::poem_openapi::Object, ::serde::Serialize)]
        #[oai(rename = $schema)]
        $(#[$($meta)*])*
        pub(in crate::api) struct $name {
            $($(#[$($field_meta)*])* $field: $type),+
        }

        $crate::api::macros::constructor! {
            $name [$(from $($from)*)? $(new $($new)*)?] [$($($with)*)?] $($field [$($value)?])+
        }
    )+};
}

/// The conversion or the function of a struct of [`bodies`].
macro_rules! constructor {
    ($name:ident [from $source:ident: $core:ty] [$($with:tt)*] $($field:ident $value:tt)+) => {
        impl From<$core> for $name {
            fn from($source: $core) -> Self {
                $($with)*
                Self { $($field: $crate::api::macros::value!($source $field $value)),+ }
            }
        }

        impl $crate::field::Convert<$name> for $core {
            fn convert(self) -> $name {
                self.into()
            }
        }
    };
    ($name:ident [new $source:ident: $core:ty $(, $argument:ident: $type:ty)+] [$($with:tt)*]
        $($field:ident $value:tt)+
    ) => {
        impl $name {
            pub(in crate::api) fn new($source: $core $(, $argument: $type)+) -> Self {
                $($with)*
                Self { $($field: $crate::api::macros::value!($source $field $value)),+ }
            }
        }
    };
}

/// The value of a field of [`bodies`].
macro_rules! value {
    ($source:ident $field:ident []) => {
        $crate::field::Convert::convert($source.$field)
    };
    ($source:ident $field:ident [$value:expr]) => {
        $value
    };
}

pub(super) use {bodies, constructor, input, request, requests, value, wrapper};
