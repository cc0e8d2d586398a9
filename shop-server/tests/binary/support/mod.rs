//! The binary, a folder for it, a client that tolerates a dead server, and a small shop to test.

mod client;
mod process;
mod random;
mod shop;

pub(crate) use client::{Client, Raw, TestResponse};
pub(crate) use process::{BINARY, Folder, Process};
pub(crate) use random::Rolls;
pub(crate) use shop::{PASSWORD, TestProduct, TestShop, address, order, text};
