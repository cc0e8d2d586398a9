//! The baseline for a product from Postgres: poem, a handler, one sqlx select by key, and serde.

use chrono::{DateTime, Utc};
use poem::error::{InternalServerError, NotFoundError};
use poem::listener::TcpListener;
use poem::web::{Data, Json, Path};
use poem::{EndpointExt as _, Route, Server, get, handler};
use serde::Serialize;
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{FromRow, Row as _};
use sqlx_core::types::Json as JsonColumn;
use uuid::Uuid;

use crate::support::Result;

const PRODUCT: &str = "SELECT id, slug, name, description, status, category_id, currency, options, images, attributes,
    version, created_at, updated_at FROM products WHERE id = $1";

#[derive(Serialize)]
struct Product {
    id: Uuid,
    slug: String,
    name: String,
    description: String,
    status: String,
    category_id: Option<Uuid>,
    currency: String,
    options: JsonColumn<Vec<String>>,
    images: JsonColumn<serde_json::Value>,
    attributes: JsonColumn<serde_json::Value>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

// Implemented by hand: the derive macro would build sqlx and its dependencies a second time.
impl FromRow<'_, PgRow> for Product {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            slug: row.try_get("slug")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            status: row.try_get("status")?,
            category_id: row.try_get("category_id")?,
            currency: row.try_get("currency")?,
            options: row.try_get("options")?,
            images: row.try_get("images")?,
            attributes: row.try_get("attributes")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Serves the database until the process is killed.
pub(crate) async fn serve(url: &str, address: &str) -> Result<()> {
    let pool = PgPoolOptions::new().max_connections(16).connect(url).await?;
    let routes = Route::new().at("/catalog/products/:id", get(one_product)).at("/healthz", get(health)).data(pool);
    Ok(Server::new(TcpListener::bind(address)).run(routes).await?)
}

#[handler]
fn health() -> &'static str {
    "ok"
}

#[handler]
async fn one_product(pool: Data<&PgPool>, Path(id): Path<Uuid>) -> poem::Result<Json<Product>> {
    let found = sqlx::query_as(PRODUCT).bind(id).fetch_optional(pool.0).await.map_err(InternalServerError)?;
    found.map(Json).ok_or_else(|| NotFoundError.into())
}
