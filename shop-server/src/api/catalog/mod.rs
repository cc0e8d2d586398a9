//! Products and categories.

mod bodies;
mod categories;
mod products;

pub(super) use categories::Categories;
pub(super) use products::Products;
