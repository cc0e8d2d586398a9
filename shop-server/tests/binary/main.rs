//! Black-box tests of the binary as its own process on a file of its own: bad days, bad input, and its subcommands.
//!
//! Nothing here knows the insides of the server: it is started, spoken to over HTTP, killed, and its log is read.

#[cfg(test)]
mod bystanders;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod crash;
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
mod sheets;
#[cfg(test)]
mod support;
