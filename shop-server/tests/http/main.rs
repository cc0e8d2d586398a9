//! Black-box tests over real HTTP: a single test program, so that it is linked once, with one file per domain.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod accounts_cookies;
#[cfg(test)]
mod accounts_limits;
#[cfg(test)]
mod accounts_sessions;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod cancellations;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod cart;
#[cfg(test)]
mod catalog;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod currencies;
#[cfg(test)]
mod details;
#[cfg(test)]
mod document;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod first_look;
#[cfg(test)]
mod gateways;
#[cfg(test)]
mod gateways_seen;
#[cfg(test)]
mod infrastructure;
#[cfg(test)]
mod inventory;
#[cfg(test)]
mod inventory_orders;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lists_counts;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod lowest_price;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod order_mails;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod orders_limits;
#[cfg(test)]
mod orders_races;
#[cfg(test)]
mod payments;
#[cfg(test)]
mod promotions;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod returns;
#[cfg(test)]
mod shipping;
#[cfg(test)]
mod slow_senders;
#[cfg(test)]
mod support;
#[cfg(test)]
mod taxes;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod withdrawals;
