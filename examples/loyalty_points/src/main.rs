//! Loyalty points, kept by the program that embeds the shop: every whole dollar of goods is a point, and some points
//! buy a gift that goes with the parcel. The points are no part of the shop, yet an order and its points are booked
//! in one transaction: both, or none, whoever races whom and whatever is refused.
//!
//! - `points.rs`: the program's own rules, and what a database must do for them;
//! - `sqlite.rs`: that, in the shop's own SQLite file;
//! - `story.rs`: what happens, and what must be true afterwards.
//!
//! `cargo run -p loyalty_points` tells the story and fails where it does not go as told.

mod points;
mod sqlite;
mod story;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    run(tell)
}

fn run(tell: impl Fn(&str)) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    tell("In an SQLite file:");
    runtime.block_on(async { story::tell(&sqlite::Points::temporary().await?, &tell).await })
}

#[expect(clippy::print_stdout, reason = "this program tells a story")]
fn tell(what: &str) {
    println!("{what}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_story_goes_as_told() {
        super::run(|_| {}).unwrap();
    }
}
