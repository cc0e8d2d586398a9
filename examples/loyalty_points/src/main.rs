//! Loyalty points, kept by the program that embeds the shop: every whole dollar of goods is a point, and some points
//! buy a gift that goes with the parcel. The points are no part of the shop, yet an order and its points are booked
//! in one transaction: both, or none, whoever races whom and whatever is refused.
//!
//! - `points.rs`: the program's own rules, and what a database must do for them;
//! - `sqlite.rs`: that, in the shop's own SQLite file;
//! - `postgres.rs`: that, in the shop's own Postgres, in a transaction of the program's own;
//! - `story.rs`: what happens, and what must be true afterwards.
//!
//! `cargo run -p loyalty_points` tells the story twice and fails where it does not go as told. Postgres is the empty
//! database of `DATABASE_URL`, else a throw-away one from the system's own programs.

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

#[expect(clippy::print_stdout, reason = "this program tells a story")]
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
