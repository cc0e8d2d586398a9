//! A list of products while many clients search: they must not make the others wait.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::{Bytes, Connection, pace, request};
use crate::process::Server;
use crate::support::Result;
use crate::table::{median, percentile};

/// Clients that search.
const SEARCHERS: usize = 100;
/// Clients that look at the list, and how many lists a second they ask for together.
const BROWSERS: u32 = 4;
const LISTS_PER_SECOND: f64 = 50.0;
/// How long a searcher waits that was refused.
const PAUSE: Duration = Duration::from_millis(100);
/// Words that every product of the run has.
const WORDS: [&str; 8] = ["cotton", "washed", "before", "keeps", "shape", "every", "heavy", "shirt"];

/// The 99th percentile of a list of products in milliseconds: quiet, and while others search.
pub(crate) async fn measure(file: &Path, rounds: usize, length: Duration) -> Result<(f64, f64)> {
    let server = Server::shop(file).await?;
    let list: Arc<[Bytes]> = Arc::new([request("GET", "/catalog/products/", None, "")]);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        quiet.push(percentile(pace(server.address, BROWSERS, &list, LISTS_PER_SECOND, length).await?, 99));
        let until = Instant::now() + length + PAUSE;
        let searchers: Vec<_> =
            (0..SEARCHERS).map(|number| tokio::spawn(search(server.address, number, until))).collect();
        // Not before they have begun.
        sleep(PAUSE).await;
        busy.push(percentile(pace(server.address, BROWSERS, &list, LISTS_PER_SECOND, length).await?, 99));
        for searcher in searchers {
            searcher.await??;
        }
    }
    Ok((median(quiet), median(busy)))
}

/// Searches until then; each time for other beginnings of the words, so that no count is remembered.
async fn search(server: std::net::SocketAddr, number: usize, until: Instant) -> Result<()> {
    let mut connection = Connection::open(server).await?;
    for turn in 0_usize.. {
        if Instant::now() >= until {
            break;
        }
        let lengths = number * 6_561 / SEARCHERS + turn;
        let beginning = |(place, word): (usize, &&str)| {
            let less = lengths / 3_usize.pow(u32::try_from(place).unwrap_or_default()) % 3;
            word.get(..word.len() - less).unwrap_or(word).to_owned()
        };
        let words: Vec<String> = WORDS.iter().enumerate().map(beginning).collect();
        let path = format!("/catalog/products/?search={}&ordering=relevance", words.join("+"));
        match connection.call(&request("GET", &path, None, "")).await?.0 {
            200 => {}
            503 => sleep(PAUSE).await,
            status => return Err(format!("a search was answered with {status}").into()),
        }
    }
    Ok(())
}
