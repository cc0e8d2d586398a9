//! Tables as files, for spreadsheets: `shop-server import` and `shop-server export`.
//!
//! CSV as RFC 4180 has it, in UTF-8, the names of the columns in the first line. What a row means is said by the core
//! ([`shop_core::catalog::PRODUCT_COLUMNS`], [`shop_core::inventory::STOCK_COLUMNS`]); here are files, lines and separators.

mod calls;
mod export;
mod formula;
mod import;
mod orders;
mod parse;
mod read;
mod sequence;
mod write;

use clap::ValueEnum;

pub(crate) use export::export;
pub(crate) use import::{Options, import};
pub(crate) use read::Format;

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Import {
    /// Products, one row for each variant.
    Products,
    /// Counts of stock, or changes of it.
    Stock,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// Products, one row for each variant; `import products` takes them back.
    Products,
    /// Orders, one row for each.
    Orders,
    /// The lines of orders, one row for each.
    OrderLines,
}
