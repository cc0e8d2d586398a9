//! CSV files for spreadsheets: `shop-server import` and `shop-server export`.
//!
//! The format is CSV (RFC 4180) in UTF-8, with column names in the first line. The core defines what a row means
//! ([`shop_core::catalog::PRODUCT_COLUMNS`], [`shop_core::inventory::STOCK_COLUMNS`]). This module handles files, lines
//! and separators.

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
pub(crate) use import::{ImportOptions, import};
pub(crate) use read::Format;

/// What can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Import {
    /// Products, one row for each variant.
    Products,
    /// Stock counts or changes.
    Stock,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Export {
    /// Products, one row for each variant; `import products` accepts the file.
    Products,
    /// Orders, one row for each.
    Orders,
    /// Order lines, one row for each.
    OrderLines,
}
