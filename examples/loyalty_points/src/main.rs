//! Loyalty points, kept by the program that embeds the shop. Every whole dollar of goods earns a point, and points buy
//! a gift that is shipped with the order. The points are not part of the shop, but an order and its points are written
//! in one transaction: both or none, under any race or refusal.
//!
//! - `points.rs`: the program's rules, and the trait that each database implements;
//! - `sqlite.rs`: the points in the shop's SQLite file;
//! - `postgres.rs`: the points in the shop's Postgres database, in a transaction of the program;
//! - `story.rs`: the scenario and its assertions.
//!
//! `cargo run -p loyalty_points` prints the scenario for both databases and fails if an assertion does not hold. It
//! uses the empty Postgres database of `DATABASE_URL`, else a temporary cluster of the installed Postgres.

mod points;
mod postgres;
mod sqlite;
mod story;

use std::error::Error;

use shop_store_sql::testing::Cluster;

fn main() -> Result<(), Box<dyn Error>> {
    in_sqlite(tell)?;
    in_postgres(std::env::var("DATABASE_URL").ok(), tell)
}

fn in_sqlite(tell: impl Fn(&str)) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    tell("In an SQLite file:");
    runtime.block_on(async { story::tell(&sqlite::Points::temporary().await?, &tell).await })
}

fn in_postgres(given: Option<String>, tell: impl Fn(&str)) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = if let Some(url) = given { url } else { Cluster::shared()?.database()? };
    tell("In Postgres:");
    runtime.block_on(async {
        let points = postgres::Points::connect(&url).await?;
        story::tell(&points, &tell).await?;
        points.close().await;
        Ok(())
    })
}

#[expect(clippy::print_stdout, reason = "this program prints its steps")]
fn tell(what: &str) {
    println!("{what}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_goes_as_told_in_sqlite() {
        super::in_sqlite(|_| {}).unwrap();
    }

    #[test]
    fn the_story_goes_as_told_in_postgres() {
        super::in_postgres(None, |_| {}).unwrap();
    }
}
