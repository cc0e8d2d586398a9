//! Black-box tests of the binary as its own process on its own file: failures, bad input, and the subcommands.
//!
//! The tests know nothing about the server's internals: they start it, talk to it over HTTP, kill it, and read its log.

#[cfg(test)]
mod bystanders;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod csv_files;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod litestream;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod security_events;
#[cfg(test)]
mod support;
