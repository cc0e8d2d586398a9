//! Sign-ins compared with bare argon2, and catalog requests during sign-ins.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::json;
use shop_core::accounts::{Argon2Hasher, Argon2Settings, PasswordHasher as _};
use shop_core::clock::{Random, SystemRandom};
use shop_core::secret::Secret;

use crate::catalog::product_requests;
use crate::client::{Bytes, pace, request, send_for};
use crate::process::Server;
use crate::support::Result;
use crate::support::world::{Customer, World};
use crate::table::{median, percentile};

/// The password of every customer.
const PASSWORD: &str = "analytical-engine-1842";
/// The number of parallel sign-ins, enough to keep every hashing thread busy.
const PEOPLE: usize = 16;
/// The number of connections for catalog requests.
const BROWSERS: u32 = 16;

/// The medians of all rounds.
pub(crate) struct Measured {
    /// Bare hashes per second, and sign-ins per second.
    pub(crate) rates: (f64, f64),
    /// The 99th percentile of catalog response times in milliseconds: alone, and during sign-ins.
    pub(crate) catalog: (f64, f64),
}

/// The password hash that is stored for every customer.
pub(crate) async fn password_hash() -> Result<String> {
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let hasher = Argon2Hasher::start(Argon2Settings { threads: 1, ..Argon2Settings::default() }, &random)?;
    Ok(hasher.hash(Secret::new(PASSWORD)).await?)
}

/// Measures in alternating rounds. `capacity` is the catalog's rate per second; the measurement requests a fifth of it.
pub(crate) async fn measure(
    file: &Path,
    world: &World,
    capacity: f64,
    rounds: usize,
    length: Duration,
) -> Result<Measured> {
    let server = Server::shop(file).await?;
    let logins = logins(world);
    let products = product_requests(world);
    let (mut bare, mut ours, mut quiet, mut storm) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(tokio::task::spawn_blocking(move || hashes(length)).await??);
        ours.push(send_for(server.address, PEOPLE, &logins, length).await?);
        let times = pace(server.address, BROWSERS, &products, capacity / 5.0, length).await?;
        quiet.push(percentile(times, 99));
        let signing_in = send_for(server.address, PEOPLE, &logins, length + Duration::from_millis(200));
        let browsing = pace(server.address, BROWSERS, &products, capacity / 5.0, length);
        let (_, times) = tokio::try_join!(signing_in, browsing)?;
        storm.push(percentile(times, 99));
    }
    Ok(Measured { rates: (median(bare), median(ours)), catalog: (median(quiet), median(storm)) })
}

fn logins(world: &World) -> Arc<[Bytes]> {
    let login = |number: usize| {
        let body = json!({"email": Customer::email(number), "password": PASSWORD}).to_string();
        request("POST", "/accounts/login/", None, &body)
    };
    (0..world.customers.len()).map(login).collect()
}

/// Hashes per second with one thread per core, with OWASP's parameters and reused memory.
fn hashes(length: Duration) -> Result<f64> {
    let threads = std::thread::available_parallelism()?.get();
    let started = Instant::now();
    let hash = move || -> Result<u32> {
        let params = Params::new(19_456, 2, 1, Some(32)).map_err(|why| why.to_string())?;
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut count = 0;
        while started.elapsed() < length {
            let mut out = [0; 32];
            argon2
                .hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut out, &mut memory)
                .map_err(|why| why.to_string())?;
            count += 1;
        }
        Ok(count)
    };
    let running: Vec<_> = (0..threads).map(|_| std::thread::spawn(hash)).collect();
    let mut count = 0;
    for thread in running {
        count += thread.join().map_err(|_| "a hashing thread panicked")??;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}
