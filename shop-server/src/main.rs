//! The shop as one binary. Everything is in the library beside it, so that tests can start it in process.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Most of what a request allocates is freed on another thread than its own (the one that writes, for instance), which
/// the system's allocator is slow at: a tenth more orders per second. Which one a program uses that embeds the library
/// is its own business.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    shop_server::cli::main()
}
