//! Products and categories.

mod bodies;
mod categories;
mod products;

pub use categories::Categories;
pub use products::Products;
