//! A list of products while many clients search. Searches must not delay lists.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::{Bytes, Connection, pace, request};
use crate::process::Server;
use crate::support::Result;
use crate::table::{median, percentile};

/// The number of searching clients.
const SEARCHERS: usize = 100;
/// The number of clients that read the list. Together they read [`LISTS_PER_SECOND`].
const BROWSERS: u32 = 4;
const LISTS_PER_SECOND: f64 = 50.0;
/// The pause of a client whose search was refused.
const PAUSE: Duration = Duration::from_millis(100);
/// Words that every product of the run contains.
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
        // Waits until the searches have started.
        sleep(PAUSE).await;
        busy.push(percentile(pace(server.address, BROWSERS, &list, LISTS_PER_SECOND, length).await?, 99));
        for searcher in searchers {
            searcher.await??;
        }
    }
    Ok((median(quiet), median(busy)))
}

/// Searches until `until`, each time for other prefixes of the words, so that no remembered count is used.
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
